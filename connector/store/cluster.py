"""A store of many nodes that share the slots: a Cluster.

Where a call goes is decided here, on redis-py's connections, not by its RedisCluster: that sends
ASKING over any connection to the node, closes all connections at every fifth MOVED, opens them all
anew with every look at the cluster, and does not tell whether a call that failed was sent.

A call that runs into its time-out counts against the node's breaker, so a node that is left alone
does not keep the callers of others. When something goes wrong, a task of its own asks the cluster
who has which slots; what the nodes answer to calls (MOVED) is followed at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from redis.crc import key_slot
from redis.exceptions import AskError, MovedError, NoScriptError, RedisError, TryAgainError

from connector.store.errors import StoreUnavailable
from connector.store.nodes import (
    LEAST_CONNECT,
    MOVED_AWAY,
    Call,
    Node,
    is_broken,
    kind_of,
    packed,
    refusal,
)
from connector.store.replies import policy_in
from connector.store.scanning import scan_keys
from connector.store.slots import host_or, read_view

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Sequence

    from connector.store.scripts import Script
    from connector.store.slots import Address, View
    from connector.store.targets import Target

HOPS: Final = 16
"""How often one call is sent on, at most."""
_TRY_AGAIN: Final = 0.01
"""Seconds until keys that are being moved are asked for again."""
_FIRST_PAUSE: Final = 0.05
_MOST_PAUSE: Final = 0.5
"""Seconds between two looks at a cluster that nobody can tell about, at first and at most."""
_BETWEEN_LOOKS: Final = 0.25
"""Seconds between two looks at least, however many calls fail."""
_SLOTS: Final = packed(b"CLUSTER", b"SLOTS")

_logger: Final = logging.getLogger(__name__)
_jitter: Final = random.Random()  # noqa: S311 - spreads the looks, keeps no secret


class ClusterClient:
    """A :class:`~connector.store.client.StoreClient` of a target whose kind is "cluster".

    ``timeout`` in seconds bounds each call in all, whatever way it takes.
    """

    def __init__(self, target: Target, *, timeout: float) -> None:
        if target.kind != "cluster":
            raise ValueError("the target of a ClusterClient is of the kind cluster")
        self._login = target.endpoints[0]
        self._timeout = timeout
        self._named = frozenset((each.host, each.port) for each in target.endpoints)
        self._nodes: dict[Address, Node] = {}
        self._owners: list[Node] = []
        """By slot; empty until the cluster was there."""
        self._primaries: list[Node] = []
        self._looking: asyncio.Task[None] | None = None
        self._looked = float("-inf")
        self._attempted = asyncio.Event()
        self._closed = False
        self._why = "The store's cluster was not asked yet."

    async def start(self) -> None:
        """Begin to connect; return after the first attempt."""
        self._look_again()
        await self._attempted.wait()

    async def run(
        self,
        script: Script,
        keys: Sequence[bytes],
        arguments: Sequence[bytes],
        *,
        replicas: int = 0,
    ) -> Any:
        """Run a script; see the protocol."""
        rest = (b"%d" % len(keys), *keys, *arguments)
        call = Call(
            packed(b"EVALSHA", script.digest, *rest),
            slot=key_slot(keys[0]),
            whole=packed(b"EVAL", script.source, *rest),
            replicas=replicas,
            patience=self._timeout,
        )
        return await self._bounded(call, self._sent_round(call))

    async def eviction_policies(self) -> list[str]:
        """Return every primary's policy."""
        nodes = self._all_primaries()
        return [policy_in(await self._ask(node, b"INFO", b"memory")) for node in nodes]

    async def scan(self, match: bytes) -> AsyncIterator[bytes]:
        """Yield the keys that match, primary by primary."""
        for node in self._all_primaries():
            async for key in scan_keys(partial(self._ask, node), match):
                yield key

    async def fields(self, key: bytes) -> dict[bytes, bytes]:
        """Return a hash."""
        call = Call(packed(b"HGETALL", key), slot=key_slot(key))
        flat = await self._bounded(call, self._sent_round(call))
        return dict(zip(flat[::2], flat[1::2], strict=True))

    async def aclose(self) -> None:
        """Close all connections and keep none."""
        self._closed = True
        self._why = "The store's client is closed."
        self._owners, self._primaries = [], []
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        nodes, self._nodes = self._nodes, {}
        await asyncio.gather(*(node.close() for node in nodes.values()))

    # Calls

    async def _ask(self, node: Node, *words: bytes) -> Any:
        call = Call(packed(*words))
        reply = await self._bounded(call, self._sent_to(node, call))
        if isinstance(reply, RedisError):
            raise self._failure(reply, call)
        return reply

    async def _bounded(self, call: Call, way: Awaitable[Any]) -> Any:
        """Await the reply to a call, no longer than a call may take."""
        try:
            async with asyncio.timeout(self._timeout):
                return await way
        except TimeoutError:
            if call.at is not None:
                call.at.breaker.failed(asyncio.get_running_loop().time())
            self._look_again()
            raise StoreUnavailable(
                "The store did not reply in time.", applied=call.unsure
            ) from None

    async def _sent_round(self, call: Call) -> Any:
        """Send a call to whoever has its slot, and on to wherever it is sent."""
        node, hops = self._owner(call), 0
        while hops < HOPS:
            reply = await self._sent_to(node, call)
            if not isinstance(reply, RedisError):
                return reply
            if isinstance(reply, TryAgainError):
                # Until its keys are together again, or its time is up.
                await asyncio.sleep(_TRY_AGAIN)
                continue
            hops += 1
            if isinstance(reply, MovedError):
                node = self._moved(reply, call, node)
            elif isinstance(reply, AskError):
                # The slot is on its way: this one call alone goes there.
                node, call.asking = self._node_of(reply, node), True
            elif isinstance(reply, NoScriptError):
                call.command = call.whole
            elif is_broken(reply) and not call.broken and (call.unsure or node.gone):
                # An idle connection that the node has closed, most often: a new one shows.
                call.broken = True
                node, call.asking = self._owner(call), False
            else:
                raise self._failure(reply, call)
        raise StoreUnavailable("The store's cluster sends its caller round.", applied=call.unsure)

    async def _sent_to(self, node: Node, call: Call) -> Any:
        if self._closed:
            raise StoreUnavailable(self._why, applied=call.unsure)
        breaker = node.breaker
        if not breaker.closed and not breaker.allows(asyncio.get_running_loop().time()):
            self._look_again()
            raise StoreUnavailable(
                "The store's node does not reply; it is left alone.", applied=call.unsure
            )
        return await node.attempt(call)

    def _failure(self, error: RedisError, call: Call) -> StoreUnavailable:
        """Return what to raise for an error that ends a call, and look at what is behind it."""
        if is_broken(error):
            self._look_again()
            why = self._why if self._closed else "No connection to the store's node."
            return StoreUnavailable(why, applied=call.unsure)
        if kind_of(error) in MOVED_AWAY:
            self._look_again()
        return refusal(error, unsure=call.unsure)

    def _owner(self, call: Call) -> Node:
        if not self._owners:
            raise StoreUnavailable(self._why, applied=call.unsure)
        return self._owners[call.slot]

    def _all_primaries(self) -> list[Node]:
        if not self._primaries:
            raise StoreUnavailable(self._why, applied=False)
        return self._primaries

    def _moved(self, error: MovedError, call: Call, asked: Node) -> Node:
        if self._owner(call) is asked:
            self._owners[call.slot] = self._node_of(error, asked)
            # Other slots have moved with it, most often.
            self._look_again()
        call.asking = False
        return self._node_of(error, asked)

    def _node_of(self, error: AskError, asked: Node) -> Node:
        return self._node((host_or(error.host, asked.address[0]), error.port))

    def _node(self, address: Address) -> Node:
        node = self._nodes.get(address)
        if node is None:
            node = self._nodes[address] = Node(address, self._login, self._timeout)
        return node

    # The cluster

    def _look_again(self) -> None:
        """Have the cluster asked who has which slots, unless a task is about it."""
        if not self._closed and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        """Ask until somebody knows, and not too often while calls fail."""
        loop, pause = asyncio.get_running_loop(), _FIRST_PAUSE
        await asyncio.sleep(max(self._looked + _BETWEEN_LOOKS - loop.time(), 0))
        while not await self._saw():
            if pause == _FIRST_PAUSE:
                _logger.warning("store: %s", self._why)
            self._attempted.set()
            await asyncio.sleep(pause * _jitter.uniform(0.5, 1.0))
            pause = min(pause * 2, _MOST_PAUSE)
        if pause != _FIRST_PAUSE:
            _logger.info("store: the cluster is there again")
        self._looked = loop.time()
        self._attempted.set()

    async def _saw(self) -> bool:
        """Ask node after node, those that do not reply last; tell whether one knew."""
        nodes = [self._node(address) for address in self._named | self._nodes.keys()]
        _jitter.shuffle(nodes)
        nodes.sort(key=lambda node: not node.breaker.closed)
        for node in nodes:
            try:
                view = await self._view_of(node)
            except StoreUnavailable as error:
                self._why = error.explanation
            except ValueError as error:
                self._why = str(error)
            else:
                await self._adopt(view)
                return True
        return False

    async def _view_of(self, node: Node) -> View:
        try:
            async with asyncio.timeout(max(self._timeout, LEAST_CONNECT)):
                reply = await node.attempt(Call(_SLOTS))
        except TimeoutError:
            node.breaker.failed(asyncio.get_running_loop().time())
            raise StoreUnavailable(
                "No node of the store's cluster replies.", applied=False
            ) from None
        if not isinstance(reply, RedisError):
            return read_view(reply, node.address[0])
        if is_broken(reply):
            raise StoreUnavailable("No connection to the store's cluster.", applied=False)
        raise refusal(reply, unsure=False)

    async def _adopt(self, view: View) -> None:
        """Follow a view; nodes that it lacks keep no connections."""
        owners: list[Node] = []
        for first, last, address in view.ranges:
            owners += [self._node(address)] * (last + 1 - first)
        self._owners = owners
        self._primaries = list(dict.fromkeys(self._node(address) for _, _, address in view.ranges))
        for address in view.addresses:
            self._node(address)
        for address in self._nodes.keys() - view.addresses - self._named:
            await self._nodes.pop(address).leave()
