"""How many event streams may stand open, and their common end.

A stream that a platform opens with GET ends when somebody wants it to. Each takes a slot in flight
and a connection to the merchant for as long, so callers get a share of these, and a process that
stops does not wait for them. Strangers can be as many as they like to be, so they share: those of
one origin as one caller, and all of them half of the room.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal, Self

from connector.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

    from connector.steps import Answer, Caller, Stream

SHARE: Final = 1 / 4
"""Of all slots in flight, what open streams may take together."""
SHARE_OF_STRANGERS: Final = 1 / 8
"""What those of callers may take together whom nobody registered."""
SHARE_OF_ONE: Final = 1 / 16
"""What those of one caller may take: a platform opens one for each of its sessions."""
_STRANGERS: Final = "discovered"
"""The tier of platforms that nobody registered."""
_RETRY_AFTER: Final = 5


class OpenStreams:
    """The streams of one process, which has so many slots in flight."""

    def __init__(self, in_flight: int) -> None:
        self._most = math.ceil(in_flight * SHARE)
        self._most_of_strangers = math.ceil(in_flight * SHARE_OF_STRANGERS)
        self._most_of_one = math.ceil(in_flight * SHARE_OF_ONE)
        self._by_holder: Counter[str] = Counter()
        self._strangers = 0
        self._ending = asyncio.Event()

    def __len__(self) -> int:
        return self._by_holder.total()

    def hold(self, caller: Caller) -> Hold:
        """Take room for one more; raises Refusal where there is none."""
        stranger = caller.tier == _STRANGERS
        # No identity is an origin: its path is at least a slash.
        holder = _origin(caller.identity) if stranger else caller.identity
        if (
            self._by_holder[holder] >= self._most_of_one
            or len(self) >= self._most
            or (stranger and self._strangers >= self._most_of_strangers)
        ):
            raise Refusal(
                "rate_limited",
                "open_streams",
                "too many event streams are open",
                retry_after=_RETRY_AFTER,
            )
        self._by_holder[holder] += 1
        self._strangers += stranger
        return Hold(self, holder, self._ending, stranger=stranger)

    def leave(self, holder: str, *, stranger: bool) -> None:
        """Give the room of one back."""
        self._by_holder[holder] -= 1
        self._strangers -= stranger
        if not self._by_holder[holder]:
            del self._by_holder[holder]

    def interrupt(self) -> None:
        """End those for which room is taken now; their callers may come again, if they still may.

        A stream that nobody ends would outlive its caller's registration, and its key.
        """
        if not self._ending.is_set():
            self._ending.set()
            self._ending = asyncio.Event()

    def end(self) -> None:
        """End all streams in order; their callers may come again, elsewhere."""
        self._ending.set()


class Hold:
    """Room for one stream, given back with it, or at once where none came of it.

    ``ending`` is that of the moment when it was taken: a stream that the merchant is still slow to
    open is among those that are to end.
    """

    def __init__(
        self, streams: OpenStreams, holder: str, ending: asyncio.Event, *, stranger: bool
    ) -> None:
        self._streams = streams
        self._holder = holder
        self._stranger = stranger
        self._ending = ending
        self._held = True
        self._passing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._passing:
            self.release()

    def until_its_end(self, answer: Answer) -> Answer:
        """Keep the room until the answer has passed."""
        if type(answer.body) is bytes:
            return answer
        self._passing = True
        stream: Stream = answer.body  # type: ignore[assignment]  # no bytes
        return answer._replace(body=HeldStream(stream, self, self._ending))

    def release(self) -> None:
        """Give the room back."""
        if self._held:
            self._held = False
            self._streams.leave(self._holder, stranger=self._stranger)


class HeldStream:
    """A stream that ends when its source does, or when all streams are to end."""

    def __init__(self, stream: Stream, hold: Hold, ending: asyncio.Event) -> None:
        self._stream = stream
        self._pieces: AsyncIterator[bytes] = aiter(stream)
        self._hold = hold
        self._over = ending
        self._waiting: asyncio.Timeout | None = None
        self._ending = asyncio.ensure_future(ending.wait())
        self._ending.add_done_callback(self._interrupt)

    @property
    def length(self) -> int | None:
        """Octets promised."""
        return self._stream.length

    def __aiter__(self) -> HeldStream:
        return self

    async def __anext__(self) -> bytes:
        # A piece that is there at once must not pass behind the end.
        if self._over.is_set():
            raise StopAsyncIteration
        waiting = self._waiting = asyncio.timeout(None)
        try:
            async with waiting:
                return await anext(self._pieces)
        except TimeoutError:
            if not waiting.expired():
                raise
            raise StopAsyncIteration from None
        finally:
            self._waiting = None

    def _interrupt(self, _: asyncio.Future[Literal[True]]) -> None:
        """End the waiting for a piece; cancelling is what the running task itself has to take."""
        if self._waiting is not None and self._over.is_set():
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def aclose(self) -> None:
        """End it, wherever it is."""
        self._ending.cancel()
        self._hold.release()
        await self._stream.aclose()


def _origin(profile: str) -> str:
    """Return scheme, host and port of a normalised profile URL."""
    scheme, _, rest = profile.partition("://")
    return f"{scheme}://{rest.partition('/')[0].partition('?')[0]}"
