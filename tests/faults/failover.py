"""``python -m tests.faults.failover``: measure what a failover by Sentinel loses.

Two gateways under load, a master, two replicas and three sentinels. The master goes away in one of
several ways; what it had acknowledged is then looked for in the one that took over, and the writes
whose claims are gone are sent once more. Losses are counted, not judged: replication is
asynchronous. It fails only where a failover could not be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

from hiredis import ReplyError

from tests.end_to_end.load import Load, Shop, ask_all
from tests.end_to_end.merchant import Merchant
from tests.end_to_end.pair import running_pair
from tests.end_to_end.platform import Platform
from tests.faults.books import Books
from tests.faults.matrix import ABSENT, CLAIMED, LAPSED
from tests.faults.report import DOCUMENT, insert, table
from tests.store_servers import HOST
from tests.store_topologies import running_sentinel, until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.end_to_end.load import Write
    from tests.end_to_end.pair import Pair
    from tests.store_topologies import Node, Sentinels

MARKS: Final = ("<!-- failover: begin -->", "<!-- failover: end -->")
LAG: Final = 0.1
"""Seconds before its end from which the master replicates no more."""

_DURABLE: Final = ("appendonly yes", "appendfsync always")
_SETTINGS: Final = (0, 1)
"""What ``store.wait_replicas`` is."""
_REPLICAS: Final = 2
_WRITERS: Final = 8
_WORK: Final = 0.02
"""Seconds that the merchant takes for an order: some are always being made."""
_BEFORE: Final = 20
"""New writes through each gateway before the master goes away."""
_AFTER: Final = 5
_AT_ONCE: Final = 2
"""Failovers at once: sentinels wait more than they compute."""
_EXPLAINED: Final = f"""\
`python -m tests.faults.failover --write-docs` has failovers with a master, two replicas and three
sentinels (0.5 s without a word, and a master counts as gone), two gateways, {_WRITERS} writers and
a merchant that takes {_WORK} s. Counted are the writes that were answered 201, before the failover
or after it; those of them of which the new master has no claim, or the claim without the answer (it
becomes UNKNOWN); keys that the merchant executed twice because a platform was still asking ("at
once"), and because a write without a claim was sent once more afterwards; and, at the median, the
seconds until all sentinels named a new master, and until new writes had passed through both
gateways.
"""


@dataclass
class Tally:
    """What the failovers of one kind, with one setting, have shown; times are in seconds."""

    kind: Kind
    wait_replicas: int
    acknowledged: int = 0
    without_claim: int = 0
    without_answer: int = 0
    """The claim is there, as if its first request were still at work."""
    twice_at_once: int = 0
    twice_again: int = 0
    took: list[float] = field(default_factory=list)
    """Until new writes had passed through both gateways."""
    promoted: list[float] = field(default_factory=list)
    """Until the sentinels agreed on a new master."""
    failures: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.kind.name}, wait_replicas {self.wait_replicas}"


class Gone(NamedTuple):
    """When the master was gone, and when every sentinel named another one; monotonic."""

    at: float
    until: float


class Kind(NamedTuple):
    """One way for a master to go away."""

    name: str
    strike: Callable[[Sentinels], Gone]
    """Returns once another one has taken over."""


def _killed(sentinels: Sentinels) -> Gone:
    return _end(sentinels, [sentinels.master])


def _killed_with_lag(sentinels: Sentinels) -> Gone:
    _cut_off(sentinels.master)
    time.sleep(LAG)
    return _end(sentinels, [sentinels.master])


def _killed_with_the_better_replica(sentinels: Sentinels) -> Gone:
    master = sentinels.master
    followers = master.ask("CLIENT", "LIST", "TYPE", "replica").decode().splitlines()
    _cut_off(master, followers[0].split()[0].removeprefix("id="))
    left = _only_follower(sentinels)
    time.sleep(LAG)
    return _end(sentinels, [left, master])


def _asleep(sentinels: Sentinels) -> Gone:
    """What it is sent meanwhile it finds when it wakes up, as a master that nobody told."""
    old = sentinels.master
    sentinels.hasten_failover()
    old.pause()
    gone = time.monotonic()
    sentinels.await_failover()
    promoted = time.monotonic()
    old.resume()
    until(lambda: _follows(old), "the old master follows nobody")
    return Gone(gone, promoted)


KINDS: Final = (
    Kind("the master is killed", _killed),
    Kind(f"killed when both replicas are {LAG} s behind", _killed_with_lag),
    Kind(
        f"killed together with one replica when the other one is {LAG} s behind",
        _killed_with_the_better_replica,
    ),
    Kind("asleep until a replica has taken over, and awake again", _asleep),
)


def _cut_off(master: Node, client: str = "") -> None:
    """End the replication to one follower, or to all of them; who has lost it gets none again."""
    master.ask("ACL", "SETUSER", "default", "-psync", "-sync")
    which = ("ID", client) if client else ("TYPE", "replica")
    master.ask("CLIENT", "KILL", *which)


def _only_follower(sentinels: Sentinels) -> Node:
    kind, _, followers = sentinels.master.ask("ROLE")
    assert kind == b"master"
    ((_, port, _),) = followers
    return next(each for each in sentinels.replicas if each.port == int(port))


def _follows(server: Node) -> bool:
    try:
        return bool(server.ask("ROLE")[0] == b"slave")
    except ConnectionError:
        # Whoever makes it a replica ends its connections, ours too.
        return False


def _end(sentinels: Sentinels, servers: list[Node]) -> Gone:
    """Kill them, the master last; they come back as replicas of the one that has taken over."""
    sentinels.hasten_failover()
    for server in servers:
        server.kill()
    gone = time.monotonic()
    sentinels.await_failover()
    promoted = time.monotonic()
    for server in servers:
        with suppress(ReplyError):  # it is still reading its data
            server.start("--replicaof", HOST, str(sentinels.master.port))
    return Gone(gone, promoted)


def measure(folder: Path, tally: Tally) -> None:
    """Have one failover; AssertionError or OSError where it cannot be measured."""
    platform = Platform()
    shop = Shop(work=_WORK)
    with (
        running_sentinel(folder / "s", _REPLICAS, options=_DURABLE) as sentinels,
        Merchant() as merchant,
    ):
        merchant.default = shop
        with running_pair(
            folder,
            merchant,
            platform,
            errors=(" ERROR ",),  # that the store had lost something is told as one
            url=sentinels.url,
            wait_replicas=tally.wait_replicas,
            timeout="250ms",  # what a gateway has that is told nothing
        ) as pair:
            load = Load(pair.addresses, platform, writers=_WRITERS)
            with load:
                load.await_executed(0.0, _BEFORE)
                gone = tally.kind.strike(sentinels)
                load.await_executed(gone.at, _AFTER)
            pair.await_metric("ucp_connector_settlements_waiting", 0)
            with Books(sentinels.master.unix_path) as books:
                _count(tally, books, load, shop, pair)
    firsts = [load.executed(at, gone.at) for at in range(len(load.addresses))]
    tally.took.append(max(each.ended for each in firsts if each is not None) - gone.at)
    tally.promoted.append(gone.until - gone.at)


def _count(tally: Tally, books: Books, load: Load, shop: Shop, pair: Pair) -> None:
    """Look for every acknowledged write in the store, and send those again that are not there."""
    acknowledged = [write for write in load.writes if write.bodies]
    states = {write.key: books.state("shop", write.key) for write in acknowledged}
    lost: list[Write] = [write for write in acknowledged if states[write.key] == ABSENT]
    tally.acknowledged += len(acknowledged)
    tally.without_claim += len(lost)
    tally.without_answer += sum(state in (CLAIMED, LAPSED) for state in states.values())
    at_once = len(shop.twice())
    asyncio.run(ask_all(pair.addresses, [write.octets for write in lost], lambda _: None))
    tally.twice_at_once += at_once
    tally.twice_again += len(shop.twice()) - at_once


def render(tallies: Sequence[Tally]) -> str:
    """Return what was done, and the counts as a table, as Markdown."""
    head = (
        *("the master", "`wait_replicas`", "failovers", "acknowledged", "no claim", "no answer"),
        *("twice at once", "twice, sent again", "new master after", "writes again after"),
    )
    rows = [
        [
            *(each.kind.name, str(each.wait_replicas), str(len(each.took))),
            *map(str, (each.acknowledged, each.without_claim, each.without_answer)),
            *map(str, (each.twice_at_once, each.twice_again)),
            *map(_times, (each.promoted, each.took)),
        ]
        for each in tallies
        if each.took
    ]
    measured = sum(len(each.took) for each in tallies)
    failures = Counter(failure for each in tallies for failure in each.failures)
    asked = measured + failures.total()
    reasons = "; ".join(f"{count} x {failure}" for failure, count in failures.items())
    missing = f" The table lacks the others ({reasons})." if failures else ""
    counted = f"{measured} of {asked} failovers could be measured.{missing}"
    return f"{_EXPLAINED}\n{counted}\n\n{table(head, rows)}"


def _times(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.1f} s, {max(seconds):.1f} s at most"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if every failover could be measured, whatever it has lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.failover", description=__doc__)
    parser.add_argument("--failovers", type=int, default=10, help="of each kind (default: 10)")
    parser.add_argument("--jobs", type=int, default=_AT_ONCE, help="failovers at once")
    parser.add_argument("--write-docs", action="store_true", help="put the result into docs/")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    tallies = [Tally(kind, setting) for kind in KINDS for setting in _SETTINGS]
    with ThreadPoolExecutor(options.jobs) as pool:
        for playing in [pool.submit(_play, tally, options.failovers) for tally in tallies]:
            playing.result()
    text = render(tallies)
    failures = [f"{each.name}: {text}" for each in tallies for text in each.failures]
    sys.stdout.write("\n".join((text, *failures, "")))
    done = sum(len(each.took) for each in tallies)
    asked = options.failovers * len(tallies)
    sys.stdout.write(f"{done} of {asked} failovers in {time.monotonic() - began:.0f} s\n")
    if options.write_docs:
        document = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(insert(document, text, MARKS), encoding="utf-8")
    return 0 if done == asked else 1


def _play(tally: Tally, failovers: int) -> None:
    for _ in range(failovers):
        with TemporaryDirectory(prefix="f-") as folder:
            try:
                measure(Path(folder), tally)
            except (AssertionError, OSError, subprocess.TimeoutExpired) as error:
                tally.failures.append(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    sys.exit(main())
