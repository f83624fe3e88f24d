"""Claims on the operator's listener: list, show, resolve.

Beside the token, three things keep a stranger's web page away from them: what a browser sends for a
page's sake is refused, and so is, where there is no token, a Host that is not of this machine (DNS
rebinding); and a resolution is JSON by its media type, which no page may send elsewhere without
being allowed to.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, Protocol

from starlette.responses import JSONResponse
from starlette.routing import Route

from connector.store.errors import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

MOST_BODY: Final = 8192
"""Octets of a resolution."""
DEFAULT_LIMIT: Final = 100
_QUERY: Final = {
    "merchant": "merchant",
    "operation": "operation",
    "audit_id": "audit_id",
    "claim": "token",
}
"""What a listing is narrowed by, and the desk's word for it."""
_MEMBERS: Final = frozenset({"outcome", "by", "reason"})
_ATTEMPT: Final = "claim"
"""The member that may be there, too: the token of the attempt that it is said of."""
_STATUS: Final = {"done": 200, "absent": 404}
"""By the desk's word; 409 for all others."""


class Shown(Protocol):
    """A claim."""

    def as_json(self) -> dict[str, Any]:
        """Return it as it is shown."""


class Listed(Protocol):
    """Some claims."""

    @property
    def claims(self) -> Sequence[Shown]:
        """The oldest first."""

    @property
    def skipped(self) -> int:
        """Records that are none."""

    @property
    def complete(self) -> bool:
        """False where there may be more."""


class Resolved(Protocol):
    """What became of an operator's word."""

    @property
    def word(self) -> str:
        """One of done, absent, live, early, settled and changed."""

    @property
    def wait(self) -> float:
        """Seconds, where it was early."""

    @property
    def explanation(self) -> str:
        """For the operator."""

    def line(self) -> str:
        """Return the decision line."""


class Desk(Protocol):
    """What lists, shows and resolves claims; ValueError for what cannot be asked."""

    async def list(
        self,
        *,
        states: Collection[str],
        merchant: str | None,
        operation: str | None,
        audit_id: str | None,
        token: str | None,
        limit: int,
    ) -> Listed:
        """Return some claims."""

    async def show(self, claim_id: str) -> Shown | None:
        """Return one."""

    async def resolve(
        self, claim_id: str, outcome: str, by: str, reason: str, *, token: str | None = None
    ) -> Resolved:
        """Say what became of the write."""


class ClaimRoutes:
    """The handlers; ``tell`` gets the decision line of every resolution."""

    def __init__(self, desk: Desk, tell: Callable[[str], None]) -> None:
        self._desk = desk
        self._tell = tell
        self._listing = False
        """Whether somebody goes through the store: it is not done twice at once."""

    def routes(self) -> list[Route]:
        """Return what is served."""
        return [
            Route("/claims", _guarded(self._list)),
            Route("/claims/{id}", _guarded(self._show)),
            Route("/claims/{id}/resolve", _guarded(self._resolve), methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        query = dict(request.query_params)
        if len(query) != len(request.query_params.multi_items()):
            raise ValueError("a parameter stands twice")
        states = (query.pop("state", "unknown"),)
        limit = query.pop("limit", str(DEFAULT_LIMIT))
        if not limit.isascii() or not limit.isdigit() or len(limit) > 9:
            raise ValueError("limit is a number")
        unknown = query.keys() - _QUERY.keys()
        if unknown:
            names = ", ".join(("state", "limit", *_QUERY))
            raise ValueError(f"the parameters are {names}")
        narrowed = {word: query.get(name) for name, word in _QUERY.items()}
        if self._listing:
            return failure(429, "busy", "another listing is under way", retry_after=1)
        self._listing = True
        try:
            listing = await self._desk.list(states=states, limit=int(limit), **narrowed)
        finally:
            self._listing = False
        return JSONResponse(
            {
                "claims": [claim.as_json() for claim in listing.claims],
                "complete": listing.complete,
                "skipped": listing.skipped,
            }
        )

    async def _show(self, request: Request) -> Response:
        claim = await self._desk.show(request.path_params["id"])
        if claim is None:
            return failure(404, "absent", "there is no such claim")
        return JSONResponse(claim.as_json())

    async def _resolve(self, request: Request) -> Response:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            return failure(415, "media_type", "a resolution is application/json")
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > MOST_BODY:
                return failure(413, "too_long", f"a resolution has at most {MOST_BODY} octets")
        said = _said(body)
        claim_id = request.path_params["id"]
        resolution = await self._desk.resolve(
            claim_id, said["outcome"], said["by"], said["reason"], token=said.get(_ATTEMPT)
        )
        status = _STATUS.get(resolution.word, 409)
        if status == 200:
            line = resolution.line()
            self._tell(line)
            return JSONResponse(json.loads(line))
        if resolution.word == "early":
            wait = math.ceil(resolution.wait)
            return failure(status, resolution.word, resolution.explanation, retry_after=wait)
        return failure(status, resolution.word, resolution.explanation)


def failure(
    status: int, error: str, explanation: str, *, retry_after: int | None = None
) -> Response:
    """Return an answer that says what is the matter; ``retry_after`` in seconds."""
    document: dict[str, Any] = {"error": error, "explanation": explanation}
    headers = {}
    if retry_after is not None:
        document["retry_after"] = retry_after
        headers["Retry-After"] = str(retry_after)
    return JSONResponse(document, status_code=status, headers=headers)


def _guarded(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Answer what the desk raises."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request)
        except ValueError as error:
            return failure(400, "wrong_request", str(error))
        except StoreUnavailable as error:
            explanation = error.explanation
            if error.applied:
                explanation += " It may have done what was asked: look at the claim."
            return failure(503, "store_unavailable", explanation, retry_after=1)

    return endpoint


def _said(body: bytes) -> dict[str, str]:
    """Return the members of a resolution; ValueError says what is wrong."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("a resolution is JSON") from None
    if (
        not isinstance(said, dict)
        or said.keys() - {_ATTEMPT} != _MEMBERS
        or not all(isinstance(value, str) for value in said.values())
    ):
        raise ValueError(
            "a resolution has the members outcome, by and reason, and may have claim: texts"
        )
    return said
