"""Finding cases by words: the full-text index that each database has, over words cut so that Chinese can be found.

Chinese is written without spaces, so a run of it is kept as overlapping pairs of characters: a query of two characters
or more then finds the places where they stand together.
"""

import re
import unicodedata
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, TextClause, literal_column, text

_WORD = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿]+|[^\W_぀-ヿ㐀-䶿一-鿿豈-﫿]+")
_HAN = re.compile(r"[぀-ヿ㐀-䶿一-鿿豈-﫿]")

CREATE = {
    "sqlite": [("CREATE VIRTUAL TABLE {name}_words USING fts5(words, tokenize='unicode61 remove_diacritics 0', prefix='2 3')")],
    "postgresql": [
        "CREATE TABLE {name}_words (number INTEGER PRIMARY KEY, words TSVECTOR NOT NULL)",
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


def index(connection: Connection, name: str, number: int, written: str) -> None:
    """Add the words of a case, under the number of its row."""
    kept = {"number": number, "words": " ".join(cut(written))}
    connection.execute(_INSERT[connection.dialect.name == "postgresql"](name), kept)


def matching(connection: Connection, name: str, column: Column[Any], query: str) -> Any:
    """Return the condition that a case holds all words of the query, each as the beginning of a word.

    SQLite does not know how common a word is: where many cases have it, the plus sign keeps it from fetching them all
    and sorting them afterwards, so that it walks the order of the list and asks of each whether it is among them.
    """
    words = cut(query)
    if not words:
        return literal_column("1") == literal_column("0")
    if connection.dialect.name == "postgresql":
        asked = " & ".join(f"'{word}':*" for word in words)
        found = f"SELECT number FROM {name}_words WHERE words @@ to_tsquery('simple', :asked)"
        return text(f"{name}.{column.name} IN ({found})").bindparams(asked=asked)
    asked = " ".join(f'"{word}"*' for word in words)
    found = f"SELECT rowid FROM {name}_words WHERE {name}_words MATCH :asked"
    some = connection.execute(text(f"SELECT count(*) FROM ({found} LIMIT {MANY})"), {"asked": asked}).scalar()
    return text(f"{'+' if some == MANY else ''}{name}.{column.name} IN ({found})").bindparams(asked=asked)


MANY = 1000
"""From so many cases on it is quicker to walk a list in its order than to fetch and sort what has the word."""


@cache
def _into_fts(name: str) -> TextClause:
    return text(f"INSERT INTO {name}_words (rowid, words) VALUES (:number, :words)")


@cache
def _into_gin(name: str) -> TextClause:
    return text(f"INSERT INTO {name}_words (number, words) VALUES (:number, to_tsvector('simple', :words))")


_INSERT = {False: _into_fts, True: _into_gin}
