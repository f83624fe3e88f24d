"""Stores of many servers for tests: a Cluster, and a master with replicas under Sentinel.

They are put together by the commands that an operator's tools would send, on loopback, and end
with the block that started them.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from hiredis import ReplyError
from redis.crc import key_slot

from tests.store_servers import HOST, PATIENCE, StoreServer, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

SLOTS: Final = 16384
SERVICE: Final = "shop"
"""What the sentinels call their master."""
_QUICK: Final = ("repl-diskless-sync-delay 0", "repl-ping-replica-period 1")
_STEADY, _HASTY = 15_000, 1000
"""Milliseconds after which a node that does not reply has failed to the others of its cluster.

A machine that is slow for a moment must not look like a node that has died.
"""
_WATCHED, _DOWN = 15_000, (500, 500, 1500)
"""The same to each sentinel, for as long as its master should live and once it should not.

The last one is slower, and its vote decides between the others: if all of them stood for election
at once, nobody might win, and again so later.
"""
_SLEPT: Final = 1
"""Milliseconds for which a sentinel trusts nothing after it was stopped for seconds itself."""


def until(condition: Callable[[], bool], what: str) -> None:
    """Return once the condition holds; a test whose condition never does fails."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def _info(server: Node, *words: str) -> dict[str, str]:
    lines = server.ask(*words).decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


class Node(StoreServer):
    """A server among others."""

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None


class Cluster:
    """Shards of one primary each; ``replicas_of`` are the servers that began as its replicas."""

    def __init__(self, folder: Path, shards: int, replicas: int, options: tuple[str, ...]) -> None:
        count = shards * (1 + replicas)
        self.servers = [
            Node(
                folder / f"n{number}",
                "cluster-enabled yes",
                f"cluster-node-timeout {_HASTY}",
                # The default is the port and 10000, which need not be a port at all.
                f"cluster-port {free_port()}",
                *_QUICK,
                *options,
            )
            for number in range(count)
        ]
        self.primaries = self.servers[:shards]
        self.replicas_of = {
            primary.port: self.servers[shards + number :: shards]
            for number, primary in enumerate(self.primaries)
        }

    @property
    def url(self) -> str:
        nodes = ",".join(f"{HOST}:{server.port}" for server in self.servers)
        return f"redis+cluster://{nodes}"

    def assemble(self) -> None:
        for epoch, server in enumerate(self.servers, 1):
            server.start()
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", epoch)
        first, *others = self.servers
        for server in others:
            port = _info(server, "INFO", "server")["tcp_port"]
            bus = server.ask("CONFIG", "GET", "cluster-port")[1]
            first.ask("CLUSTER", "MEET", HOST, port, bus)
        shards = len(self.primaries)
        for number, primary in enumerate(self.primaries):
            ends = (SLOTS * number // shards, SLOTS * (number + 1) // shards - 1)
            primary.ask("CLUSTER", "ADDSLOTSRANGE", *ends)
        until(lambda: all(self._knows_all(server) for server in self.servers), "no gossip")
        for primary in self.primaries:
            for replica in self.replicas_of[primary.port]:
                replica.ask("CLUSTER", "REPLICATE", self.name_of(primary))
        self.await_ok()
        self._wait_for_nodes(_STEADY)

    def hasten_failover(self) -> None:
        """Have a primary that is gone replaced after a second from now on."""
        self._wait_for_nodes(_HASTY)

    def _wait_for_nodes(self, milliseconds: int) -> None:
        for server in self.servers:
            if server.is_running:
                server.ask("CONFIG", "SET", "cluster-node-timeout", milliseconds)

    def await_ok(self) -> None:
        """Wait until every server that runs takes calls, and all say the same of the slots."""
        until(self._is_ok, "the cluster does not come together")

    def _knows_all(self, server: Node) -> bool:
        return _info(server, "CLUSTER", "INFO")["cluster_known_nodes"] == str(len(self.servers))

    def _is_ok(self) -> bool:
        running = [server for server in self.servers if server.is_running]
        if not all(_takes_calls(server) for server in running):
            return False
        views = {_view(server) for server in running}
        listed = {port for view in views for _, ports in view for port in ports}
        return len(views) == 1 and listed == {server.port for server in running}

    def name_of(self, server: Node) -> str:
        return str(server.ask("CLUSTER", "MYID").decode())

    def owner_of(self, key: bytes) -> Node:
        """Return the primary of the key's slot, as some server that runs says."""
        slot = key_slot(key)
        asked = next(server for server in self.servers if server.is_running)
        for first, last, primary, *_ in asked.ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(server for server in self.servers if server.port == primary[1])
        raise AssertionError("nobody has the slot")

    # A slot that moves

    def move_slot(self, slot: int, source: Node, target: Node) -> None:
        """Move a slot with its keys while its callers go on calling."""
        self.begin_move(slot, source, target)
        self.carry_keys(slot, source, target)
        self.finish_move(slot, source, target)

    def begin_move(self, slot: int, source: Node, target: Node) -> None:
        """From here on the source sends those who ask for keys that it lacks to the target."""
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", self.name_of(source))
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", self.name_of(target))

    def carry_keys(self, slot: int, source: Node, target: Node, *, most: int = SLOTS) -> None:
        """Move keys that are there now, ``most`` at most."""
        while most and (keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, min(most, 100))):
            source.ask("MIGRATE", HOST, target.port, "", 0, 5000, "KEYS", *keys)
            most -= len(keys)

    def finish_move(self, slot: int, source: Node, target: Node) -> None:
        """Give the slot to the target; all servers know it when this returns."""
        name = self.name_of(target)
        rest = [each for each in self.servers if each not in (source, target) and each.is_running]
        for server in (target, source, *rest):
            try:
                server.ask("CLUSTER", "SETSLOT", slot, "NODE", name)
            except ReplyError:
                # A replica, which hears of it from its primary.
                assert "slave" in _info(server, "INFO", "replication")["role"]
        self.await_ok()

    def close(self) -> None:
        for server in self.servers:
            server.close()


def _takes_calls(server: Node) -> bool:
    replication = _info(server, "INFO", "replication")
    return (
        _info(server, "CLUSTER", "INFO")["cluster_state"] == "ok"
        and replication.get("master_link_status", "up") == "up"
    )


def _view(server: Node) -> frozenset[tuple[int, frozenset[int]]]:
    """Return the slots that ranges begin with, and the ports of those who serve them."""
    return frozenset(
        (first, frozenset(node[1] for node in nodes))
        for first, _, *nodes in server.ask("CLUSTER", "SLOTS")
    )


@contextmanager
def running_cluster(
    folder: Path, shards: int = 3, replicas: int = 0, *options: str
) -> Iterator[Cluster]:
    """Run a cluster until the block ends; ``options`` are lines of each server's configuration."""
    cluster = Cluster(folder, shards, replicas, options)
    try:
        cluster.assemble()
        yield cluster
    finally:
        cluster.close()


class Sentinels:
    """A master, its replicas and the sentinels that watch them."""

    def __init__(
        self,
        folder: Path,
        replicas: int,
        sentinels: int,
        options: tuple[str, ...],
        sentinel_options: tuple[str, ...],
    ) -> None:
        self.master = Node(folder / "master", *_QUICK, *options)
        follow = f"replicaof {HOST} {self.master.port}"
        self.replicas = [
            Node(folder / f"replica{number}", follow, *_QUICK, *options)
            for number in range(replicas)
        ]
        self._servers = [self.master, *self.replicas]
        self.sentinels = [
            Node(
                folder / f"sentinel{number}",
                f"sentinel monitor {SERVICE} {HOST} {self.master.port} {min(sentinels, 2)}",
                f"sentinel down-after-milliseconds {SERVICE} {_WATCHED}",
                f"sentinel failover-timeout {SERVICE} 2000",
                *sentinel_options,
            )
            for number in range(sentinels)
        ]

    @property
    def url(self) -> str:
        hosts = ",".join(f"{HOST}:{server.port}" for server in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}"

    def assemble(self) -> None:
        for server in (self.master, *self.replicas):
            server.start()
        until(lambda: all(_follows(replica) for replica in self.replicas), "no replication")
        for sentinel in self.sentinels:
            sentinel.start("--sentinel")
            for period in ("publish", "info", "ping", "ask"):
                sentinel.ask("SENTINEL", "DEBUG", f"{period}-period", 100)
            sentinel.ask("SENTINEL", "DEBUG", "tilt-period", _SLEPT)
        until(lambda: all(self._sees_all(each) for each in self.sentinels), "sentinels are blind")

    def _sees_all(self, sentinel: Node) -> bool:
        flat = [word.decode() for word in sentinel.ask("SENTINEL", "MASTER", SERVICE)]
        state = dict(zip(flat[::2], flat[1::2], strict=True))
        return (
            int(state["num-other-sentinels"]) == len(self.sentinels) - 1
            and int(state["num-slaves"]) == len(self.replicas)
            and state["flags"] == "master"
        )

    def named_master(self, sentinel: Node) -> int:
        """Return the port of the master that a sentinel names."""
        return int(sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)[1])

    def kill_master(self) -> None:
        """End the master at once; return when every sentinel names one that takes writes."""
        self.hasten_failover()
        self.master.kill()
        self.await_failover()

    def await_failover(self) -> None:
        """Wait until every sentinel names a replica, which takes writes; it is the master then."""
        until(self._has_failed_over, "no failover")
        self._watch([_WATCHED] * len(self.sentinels))

    def hasten_failover(self) -> None:
        """Have a master that is gone from now on replaced at once.

        Not later than it goes: a replica that was without its master for ten times as long as
        sentinels wait for one is not chosen.
        """
        self._watch(_DOWN)

    def _watch(self, patience: Sequence[int]) -> None:
        """Have each sentinel wait so many milliseconds for its master."""
        for sentinel, milliseconds in zip(self.sentinels, patience, strict=False):
            if sentinel.is_running:
                sentinel.ask("SENTINEL", "SET", SERVICE, "down-after-milliseconds", milliseconds)

    def _has_failed_over(self) -> bool:
        ports = {self.named_master(sentinel) for sentinel in self.sentinels if sentinel.is_running}
        chosen = [replica for replica in self.replicas if {replica.port} == ports]
        if not chosen or _info(chosen[0], "INFO", "replication")["role"] != "master":
            return False
        self.master = chosen[0]
        return True

    def close(self) -> None:
        for server in (*self.sentinels, *self._servers):
            server.close()


def _follows(replica: Node) -> bool:
    return _info(replica, "INFO", "replication").get("master_link_status") == "up"


@contextmanager
def running_sentinel(
    folder: Path,
    replicas: int = 1,
    sentinels: int = 3,
    *,
    options: tuple[str, ...] = (),
    sentinel_options: tuple[str, ...] = (),
) -> Iterator[Sentinels]:
    """Run a master, its replicas and their sentinels (quorum 2) until the block ends.

    The options are lines of configuration: of the servers, and of the sentinels.
    """
    topology = Sentinels(folder, replicas, sentinels, options, sentinel_options)
    try:
        topology.assemble()
        yield topology
    finally:
        topology.close()
