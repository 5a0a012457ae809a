"""What can be refused, as words; one table in `web.py` turns them into HTTP (RFC 9457).

Refused means understood and turned down: nothing was changed, and the detail says why.
Whatever else goes wrong is a failure (5xx) and has no class here.
"""

from collections.abc import Sequence
from typing import Any


class Refused(Exception):
    """The root of all refusals: `status` and `code` are those of wire.md, `title` names the kind for a person."""

    status = 400
    code = "malformed"
    title = "The request was not understood"

    def __init__(
        self,
        detail: str,
        *,
        errors: Sequence[dict[str, str]] = (),
        allowed: Sequence[str] | None = None,
        retry_after: int | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        """Keep what the caller may see: `errors` are {pointer, detail}, `retry_after` is in seconds."""
        super().__init__(detail)
        self.detail = detail
        self.errors = list(errors)
        self.allowed = None if allowed is None else list(allowed)
        self.retry_after = retry_after
        self.more = more or {}


class Malformed(Refused):
    """The body is no JSON (NaN is none), is nested too deeply, or the framing is broken."""


class Unauthenticated(Refused):
    """No valid token came with the request."""

    status, code, title = 401, "unauthenticated", "Please log in"


class RoleNotAllowed(Refused):
    """None of the caller's roles may take this step or read this."""

    status, code, title = 403, "role_not_allowed", "Your role may not do this"


class NotYourCase(Refused):
    """The role fits, but the case belongs to another person, department or customer."""

    status, code, title = 403, "not_your_case", "This case is not yours"


class FourEyes(Refused):
    """The same person stands on both sides of a control (domain.md, rule 3)."""

    status, code, title = 403, "four_eyes", "Somebody else has to do this"


class NotFound(Refused):
    """There is nothing under this address."""

    status, code, title = 404, "not_found", "There is nothing here"


class MethodNotAllowed(Refused):
    """The address exists, but not with this method."""

    status, code, title = 405, "method_not_allowed", "This method is not served here"


class WrongStage(Refused):
    """The step does not leave from the stage in which the case rests."""

    status, code, title = 409, "wrong_stage", "The case is in another stage"


class GuardRefused(Refused):
    """A guard of the step said no; the detail is its reason."""

    status, code, title = 409, "guard_refused", "The rules do not allow this now"


class Conflict(GuardRefused):
    """What was asked contradicts what is there (a repeated external id, a taken username)."""

    title = "It is there already"


class StaleVersion(Refused):
    """The version in If-Match is not the one that is stored: somebody else was first."""

    status, code, title = 412, "stale_version", "The case has changed meanwhile"


class TooLarge(Refused):
    """The body, a header or a list is larger than is taken."""

    status, code, title = 413, "too_large", "This is too large"


class UnsupportedMediaType(Refused):
    """The body is not declared as JSON."""

    status, code, title = 415, "unsupported_media_type", "Please send JSON"


class Invalid(Refused):
    """A field or parameter is missing, unknown or out of range; `errors` point at each."""

    status, code, title = 422, "invalid", "Some fields are not right"


class KeyReused(Refused):
    """The Idempotency-Key came before with another request."""

    status, code, title = 422, "key_reused", "This Idempotency-Key belongs to another request"


class VersionRequired(Refused):
    """A write to an existing case came without If-Match (RFC 6585)."""

    status, code, title = 428, "version_required", "Please name the version you have seen"


class TooManyRequests(Refused):
    """A limit in time was reached; `retry_after` says when to come back."""

    status, code, title = 429, "too_many_requests", "Too many attempts"


class Failed(Refused):
    """Something broke on our side and nothing was changed; the log has what happened under the same trace_id."""

    status, code, title = 500, "failed", "This did not work"


class Unavailable(Refused):
    """Something that the answer needs is away for the moment; nothing was changed."""

    status, code, title = 503, "unavailable", "Not available at the moment"


def kinds() -> list[type[Refused]]:
    """Every kind of refusal, by code; where two share a code the more general one stands for both."""
    ahead = Refused.__subclasses__()
    found: dict[str, type[Refused]] = {}
    while ahead:
        kind = ahead.pop(0)
        found.setdefault(kind.code, kind)
        ahead += kind.__subclasses__()
    return list(found.values())
