"""The demo staff of the embedded default: made at the first start, never in production (wire.md, Starting)."""

import json
import os
import secrets
from pathlib import Path

from services.gateway.directory import Directory

PEOPLE = (
    ("anna", "Anna Berg", "agent", None), ("ben", "Ben Okafor", "agent", None),
    ("sofia", "Sofia Rossi", "supervisor", None), ("samuel", "Samuel Stein", "supervisor", None),
    ("hana", "Hana Novak", "handler", "quality"), ("hugo", "Hugo Lindt", "handler", "quality"),
    ("lei", "Lei Wang", "handler", "logistics"), ("ravi", "Ravi Patel", "handler", "service"),
    ("maria", "Maria Silva", "manager", None), ("max", "Max Huber", "manager", None),
    ("arno", "Arno Weiss", "arbiter", None),
    ("sally", "Sally Young", "sales", None), ("stefan", "Stefan Maier", "sales", None),
    ("fiona", "Fiona Clark", "finance", None), ("frank", "Frank Moser", "finance", None),
    ("lena", "Lena Vogel", "legal", None), ("louis", "Louis Martin", "legal", None),
    ("wei", "Wei Chen", "warehouse", None), ("wanda", "Wanda Kowal", "warehouse", None),
    ("ines", "Ines Costa", "inspector", None), ("ivan", "Ivan Petrov", "inspector", None),
    ("simon", "Simon Keller", "signatory", None), ("clara", "Clara Jensen", "custodian", None),
    ("audrey", "Audrey Blanc", "auditor", None), ("ada", "Ada Admin", "admin", None),
)  # fmt: skip
FILE = "demo-staff.json"


def make(directory: Directory, data: Path) -> bool:
    """Create the demo staff with fresh passwords where there is nobody yet; return whether that was so.

    The file with the passwords is written first, so that a crash in between leaves nobody whose password is unknown.
    """
    if directory.everybody():
        return False
    path = data / FILE
    people = json.loads(path.read_text()) if path.exists() else [
        {"username": username, "password": secrets.token_urlsafe(12), "name": name, "roles": [role], "department": department}
        for username, name, role, department in PEOPLE
    ]  # fmt: skip
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(people, file, indent=1)
    directory.add_all(people)
    return True
