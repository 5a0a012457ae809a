"""Who acts, in which role, and the tokens that say so (RFC 7519, Ed25519).

A token is believed only where its signature, issuer, audience and time are right; each service checks for itself,
so that no header set on the way can make anybody somebody.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.errors import Unauthenticated

ROLES = {
    "agent": ("Agent", "客服专员"),
    "supervisor": ("Supervisor", "客服主管"),
    "handler": ("Handler", "责任部门经办人"),
    "manager": ("Manager", "主管领导"),
    "arbiter": ("Arbiter", "办公室裁决人"),
    "sales": ("Sales", "业务员"),
    "legal": ("Legal", "法务"),
    "finance": ("Finance", "财务"),
    "signatory": ("Signatory", "签约代表"),
    "custodian": ("Custodian", "合同档案专管员"),
    "warehouse": ("Warehouse", "仓库"),
    "inspector": ("Inspector", "质检"),
    "customer": ("Customer", "客户"),
    "auditor": ("Auditor", "审计"),
    "admin": ("Admin", "管理员"),
    "system": ("System", "系统"),
}
"""Every role with its English and Chinese title (domain.md, Roles)."""

STAFF = tuple(role for role in ROLES if role not in ("customer", "system"))
"""The roles a person on the staff may hold."""

CASE_STAFF = tuple(role for role in STAFF if role not in ("auditor", "admin"))
"""The staff who work on cases: an auditor changes nothing, an admin does no case work."""

AUDIENCE = "casewright"
FOREVER = 253402300800
"""The first second of the year 10000: no token lasts that long."""


@dataclass(frozen=True)
class Actor:
    """A person, a customer's link or the system, as the token or the caller inside the house names it.

    `case` is set for a customer's link: the one case it opens, as "kind/id"; `link` is the number of that link.
    `free` actors (the import) are bound by stages, facts and guards, but not by roles and four eyes (wire.md, Imports).
    """

    id: str
    name: str
    roles: frozenset[str]
    department: str | None = None
    case: str | None = None
    link: str | None = None
    free: bool = False

    @property
    def is_customer(self) -> bool:
        """Whether this is a customer's own link."""
        return "customer" in self.roles

    def desks(self) -> list[str]:
        """The desks whose work this person sees: its own, each of its roles', and its department's."""
        desks = [f"person:{self.id}", *(f"role:{role}" for role in sorted(self.roles))]
        if self.department:
            desks += [f"role:{role}/{self.department}" for role in sorted(self.roles)]
        return desks


SYSTEM = Actor("system", "Casewright", frozenset({"system"}))
IMPORT = Actor("import", "Import", frozenset({"system"}), free=True)


@dataclass(frozen=True)
class Issuer:
    """Signs tokens: the gateway for its staff, a service for its customers' links."""

    name: str
    key: Ed25519PrivateKey

    def token(self, subject: str, claims: Mapping[str, Any], now: datetime, lasts: timedelta) -> str:
        """Return a signed token for `subject` that ends `lasts` after `now`."""
        body = {"iss": self.name, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + lasts, **claims}
        return jwt.encode(body, self.key, algorithm="EdDSA", headers={"kid": self.name, "typ": "at+jwt"})


@dataclass(frozen=True)
class Trusted:
    """An issuer's public key and the roles it may speak for: a service's key makes customers' links, never staff."""

    key: Ed25519PublicKey
    roles: frozenset[str]


class Verifier:
    """Reads tokens of the issuers it was given, with a small memory of those already checked.

    Remembering saves the curve arithmetic on each request of a working day; the end of a token is looked at each time.
    """

    def __init__(self, issuers: Mapping[str, Trusted], remember: int = 4096) -> None:
        self._issuers = dict(issuers)
        self._seen: dict[str, tuple[float, Actor]] = {}
        self._remember = remember
        self._lock = threading.Lock()

    def actor(self, token: str, now: datetime) -> Actor:
        """Return who the token speaks for; raise Unauthenticated where it is forged, foreign or over."""
        seen = self._seen.get(token)
        if seen is None:
            seen = self._read(token, now)
            with self._lock:
                if len(self._seen) >= self._remember:
                    self._seen.clear()
                self._seen[token] = seen
        if seen[0] <= now.timestamp():
            raise Unauthenticated("The token is over: please log in again.")
        return seen[1]

    def _read(self, token: str, now: datetime) -> tuple[float, Actor]:
        try:
            head = jwt.get_unverified_header(token)
            issuer = str(head.get("kid"))
            if head.get("typ") != "at+jwt" or issuer not in self._issuers:
                raise Unauthenticated("The token was not issued here.")
            claims = jwt.decode(
                token, self._issuers[issuer].key, algorithms=["EdDSA"], audience=AUDIENCE, issuer=issuer,
                options={"require": ["exp", "iat", "sub", "aud", "iss"], "verify_exp": False, "verify_iat": False},
            )  # fmt: skip
        except jwt.InvalidTokenError:
            raise Unauthenticated("The token is not valid.") from None
        began, ends = claims["iat"], claims["exp"]
        if not all(isinstance(time, int | float) and abs(time) < FOREVER for time in (began, ends)):  # NaN is below nothing
            raise Unauthenticated("The token is not valid.")
        if began > now.timestamp() + 60:
            raise Unauthenticated("The token is not valid yet.")
        actor = actor_from(claims)
        if not actor.roles <= self._issuers[issuer].roles:
            raise Unauthenticated("The token names a role that its issuer may not give.")
        return float(ends), actor


def actor_from(claims: Mapping[str, Any]) -> Actor:
    """Turn the claims of a checked token into the actor they speak of; raise Unauthenticated for unknown roles."""
    named = claims.get("roles")
    roles = frozenset(str(role) for role in named) if isinstance(named, list) else frozenset()
    if not roles or not roles <= set(ROLES):
        raise Unauthenticated("The token names no role that is known here.")
    if "customer" in roles and (len(roles) > 1 or not claims.get("case")):
        raise Unauthenticated("A customer's link opens one case and nothing else.")
    return Actor(
        str(claims["sub"]),
        str(claims.get("name", claims["sub"])),
        roles,
        claims.get("department"),
        claims.get("case"),
        claims.get("jti"),
    )
