"""Finding cases by words: the full-text index that each database has, over words cut so that Chinese can be found.

Chinese is written without spaces, so a run of it is kept as overlapping pairs of characters: a query of two characters
or more then finds the places where they stand together.
"""

import re
import unicodedata
from typing import Any

from sqlalchemy import Column, Connection, bindparam, literal_column, text

_WORD = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿]+|[^\W_぀-ヿ㐀-䶿一-鿿豈-﫿]+")
_HAN = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿]")

CREATE = {
    "sqlite": [
        (
            "CREATE VIRTUAL TABLE {name}_words USING fts5"
            "(words, case_id UNINDEXED, tokenize='unicode61 remove_diacritics 0', prefix='2 3')"
        )
    ],
    "postgresql": [
        "CREATE TABLE {name}_words (case_id VARCHAR(64) PRIMARY KEY, words TSVECTOR NOT NULL)",
        "CREATE INDEX {name}_words_gin ON {name}_words USING gin (words)",
    ],
}
"""The statements of a migration that make the index of a table."""


def cut(written: str) -> list[str]:
    """Return the words of a text: lower case, Chinese as pairs of characters (a single one alone)."""
    found: list[str] = []
    for run in _WORD.findall(unicodedata.normalize("NFKC", written).casefold()):
        found += [run[n : n + 2] for n in range(max(len(run) - 1, 1))] if _HAN.match(run) else [run[:64]]
    return found


def index(connection: Connection, name: str, case_id: str, written: str) -> None:
    """Add a case's words."""
    words = " ".join(cut(written))
    value = "to_tsvector('simple', :words)" if connection.dialect.name == "postgresql" else ":words"
    connection.execute(text(f"INSERT INTO {name}_words (case_id, words) VALUES (:id, {value})"), {"id": case_id, "words": words})


def matching(connection: Connection, name: str, column: Column[Any], query: str) -> Any:
    """Return the condition that a case holds all words of the query, each as the beginning of a word."""
    words = cut(query)
    if not words:
        return literal_column("1") == literal_column("0")
    if connection.dialect.name == "postgresql":
        asked = " & ".join(f"'{word}':*" for word in words)
        found = text(f"SELECT case_id FROM {name}_words WHERE words @@ to_tsquery('simple', :asked)")
    else:
        asked = " ".join(f'"{word}"*' for word in words)
        found = text(f"SELECT case_id FROM {name}_words WHERE {name}_words MATCH :asked")
    return column.in_(found.bindparams(bindparam("asked", asked)).columns(column))
