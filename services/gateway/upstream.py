"""How the gateway reaches a service: in this process (WSGI) or over kept HTTP connections; nothing is written anew."""

import io
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from urllib.parse import quote

import urllib3

from shared.errors import TooLarge, Unavailable
from shared.web import LARGEST

StartResponse = Callable[..., Any]
Environ = dict[str, Any]

HOP_BY_HOP = frozenset({"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "proxy-authorization"})
PATH_SAFE = "/:@!$&'()*+,;=~-._"
"""What stands for itself in a path (RFC 3986, 3.3)."""
TIMEOUT = urllib3.Timeout(connect=2.0, read=30.0)


class Upstream(Protocol):
    """A service behind the gateway, called like any WSGI application. Raises Unavailable where it is away."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]: ...


class HttpUpstream:
    """A service in another process; its connections are kept, and a silent one is given up after the time-out."""

    def __init__(self, url: str, timeout: urllib3.Timeout = TIMEOUT) -> None:
        self.pool = urllib3.connection_from_url(url, maxsize=32, block=False, timeout=timeout)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Pass a request on and its answer back, headers and problem bodies unchanged."""
        target = quote(environ["PATH_INFO"].encode("latin-1"), safe=PATH_SAFE)  # dots and all, as it was written
        if environ.get("QUERY_STRING"):
            target += "?" + environ["QUERY_STRING"]
        try:
            answer = self.pool.urlopen(
                environ["REQUEST_METHOD"], target, body=_body(environ), headers=_headers(environ),
                redirect=False, retries=False, assert_same_host=False,
            )  # fmt: skip
        except urllib3.exceptions.HTTPError:
            raise Unavailable("The service behind this address does not answer at the moment.", retry_after=2) from None
        headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
        start_response(f"{answer.status} {answer.reason or ''}".strip(), headers)
        return [answer.data]

    def close(self) -> None:
        """Give the kept connections back."""
        self.pool.close()


def ask(upstream: Upstream, environ: Environ, path: str, query: str = "") -> tuple[int, dict[str, str], bytes]:
    """GET a path of a service in the name of the caller of `environ`; return (status, headers, body)."""
    said: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        said[:] = [int(status.split(" ", 1)[0]), {name.lower(): value for name, value in headers}]

    asked = {
        **environ, "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query, "wsgi.input": io.BytesIO(),
        "CONTENT_LENGTH": "0", "CONTENT_TYPE": "", "SCRIPT_NAME": "",
    }  # fmt: skip
    asked = {name: value for name, value in asked.items() if not name.startswith("werkzeug.")}
    answered = upstream(asked, start_response)
    body = b"".join(answered)
    close = getattr(answered, "close", None)
    if close:
        close()
    return said[0], said[1], body


def _body(environ: Environ) -> bytes:
    length = environ.get("CONTENT_LENGTH")
    if not length and not environ.get("wsgi.input_terminated"):
        return b""
    data: bytes = environ["wsgi.input"].read(min(int(length), LARGEST + 1) if length else LARGEST + 1)
    if len(data) > LARGEST:
        raise TooLarge(f"A body has at most {LARGEST} bytes.")
    return data


def _headers(environ: Environ) -> dict[str, str]:
    headers = {
        name[5:].replace("_", "-").title(): value for name, value in environ.items()
        if name.startswith("HTTP_") and name[5:].replace("_", "-").lower() not in HOP_BY_HOP
    }  # fmt: skip
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    return headers
