"""What the gateway answers for all services together: worklist, feed, procedures, documents, refusals."""

import heapq
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

from services.gateway.upstream import Environ, Upstream, ask
from shared.errors import Refused, Unavailable
from shared.lists import decode, encode, invalid

Document = dict[str, Any]


class Answered(Refused):
    """A service's own refusal, to be passed on as it is."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        super().__init__("passed on")
        self.status, self.headers, self.body = status, headers, body


class Merge:
    """Asks every service in the caller's name and makes one answer of theirs."""

    def __init__(self, services: Mapping[str, Upstream]) -> None:
        self.services = services

    def worklist(self, environ: Environ, limit: int, cursor: str | None) -> Document:
        """One worklist over all services, most urgent first."""
        items, following = self._merged(environ, "/worklist", lambda item: (item["due_at"], item["id"]), limit, cursor)
        return {
            "items": items,
            "next": f"/worklist?{urlencode({'limit': limit, 'cursor': following})}" if following else None,
        }

    def events(self, environ: Environ, after: str, types: str | None, limit: int) -> Document:
        """One page of all feeds; the cursor holds one position a source, and positions of one source stay in order."""
        places, more = self._places(after or None, "after"), False
        events: list[Document] = []
        for name in sorted(self.services):
            room = limit - len(events)
            page = self._get(environ, name, "/events", after=places.get(name, 0), types=types, limit=room or 1)
            if room:
                places[name] = page["position"]
                events += page["events"]
            more = more or page["more"] or (not room and bool(page["events"]))
        return {"events": events, "next": encode(places), "more": more}

    def procedures(self, environ: Environ) -> Document:
        """All declared procedures."""
        return {"items": [item for name in self.services for item in self._get(environ, name, "/procedures")["items"]]}

    def documents(self, environ: Environ, path: str) -> list[Document]:
        """The same document of every service."""
        return [self._get(environ, name, path) for name in self.services]

    def refusals(self, environ: Environ, asked: Mapping[str, str], limit: int) -> Document:
        """The refused acts of all services, oldest first."""
        items, following = self._merged(
            environ,
            "/audit/refusals",
            lambda item: (item["at"], item["cursor"]),
            limit,
            asked.get("cursor"),
            id=asked.get("id"),
        )
        return {"items": items, "next": following}

    def _merged(
        self,
        environ: Environ,
        path: str,
        order: Callable[[Document], tuple[str, ...]],
        limit: int,
        cursor: str | None,
        **asked: Any,
    ) -> tuple[list[Document], str | None]:
        """Merge sorted pages, of which each item carries the cursor behind it; return (items, cursor of the next page)."""
        places = self._places(cursor)
        pages = {name: self._get(environ, name, path, limit=limit, cursor=places.get(name), **asked) for name in self.services}
        rows = list(heapq.merge(*([(order(item), name, item) for item in page["items"]] for name, page in pages.items())))
        for _, name, item in rows[:limit]:
            places[name] = item.pop("cursor")
        more = len(rows) > limit or any(page["next"] for page in pages.values())
        return [item for _, _, item in rows[:limit]], encode(places) if more else None

    def _get(self, environ: Environ, name: str, path: str, **asked: Any) -> Document:
        query = urlencode({key: value for key, value in asked.items() if value is not None})
        status, headers, body = ask(self.services[name], environ, path, query)
        if status >= 500:
            raise Unavailable("A service does not answer at the moment.", retry_after=2)
        if status >= 400:
            raise Answered(status, headers, body)
        document: Document = orjson.loads(body)
        return document

    def _places(self, cursor: str | None, name: str = "cursor") -> dict[str, Any]:
        if cursor is None:
            return {}
        places = decode(cursor, name)
        if not isinstance(places, dict) or not set(places) <= set(self.services):
            raise invalid(name, "This is not a cursor that was given out here.")
        if not all(isinstance(place, str | int) and not isinstance(place, bool) and place != "" for place in places.values()):
            raise invalid(name, "This is not a cursor that was given out here.")
        if name == "after" and not all(isinstance(place, int) and place >= 0 for place in places.values()):
            raise invalid(name, "This is not a cursor that was given out here.")
        return dict(places)
