"""What a store's faults do to two gateways under load: refused writes, and none done twice."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import pytest
from hiredis import ReplyError
from redis.crc import key_slot

from connector.cli.main import main
from tests.end_to_end.gateway import ROOT
from tests.end_to_end.load import Load, Shop, new_write
from tests.end_to_end.pair import running_pair
from tests.end_to_end.platform import CHECKOUTS, ORDERS
from tests.end_to_end.refusals import check_refusal
from tests.store_servers import HOST, binaries, free_port, running_server
from tests.store_topologies import running_cluster, running_sentinel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.end_to_end.load import Exchange
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.pair import Pair
    from tests.end_to_end.platform import Platform
    from tests.store_servers import StoreServer

DURABLE: Final = ("appendonly yes", "appendfsync always")
SOME: Final = 5
"""Exchanges that show that something goes on, or is refused, and not just once."""
PATIENT: Final = "10s"
"""How long gateways wait for a store where nothing may be refused."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short name: the path of a unix socket has 107 octets at most."""
    with TemporaryDirectory(prefix="f-") as name:
        yield Path(name)


@pytest.fixture(params=binaries())
def store(request: pytest.FixtureRequest, folder: Path) -> Iterator[StoreServer]:
    binary = binaries()[request.param]
    with running_server(folder / "store", *DURABLE, binary=binary) as running:
        yield running


@pytest.fixture
def one_store(folder: Path) -> Iterator[StoreServer]:
    """The store of scenes in which all servers do the same: the kernel and we do the rest."""
    with running_server(folder / "store", *DURABLE) as running:
        yield running


class _Scene:
    """Two gateways under load, and their merchant."""

    def __init__(self, pair: Pair, load: Load, shop: Shop) -> None:
        self.pair = pair
        self.load = load
        self.shop = shop

    def play(self, begin: Callable[[], object], end: Callable[[], object]) -> None:
        """Have the store gone until writes were refused; tell how long new ones took after it."""
        self.load.await_executed(0.0, SOME)
        begin()
        self.load.await_refused(time.monotonic(), SOME)
        end()
        back = time.monotonic()
        self.load.await_executed(back)
        firsts = [self.load.executed(at, back) for at in range(len(self.load.addresses))]
        took = max(each.ended for each in firsts if each is not None) - back
        sys.stdout.write(f"recovered within {took:.2f} s\n")

    @property
    def refused(self) -> list[Exchange]:
        return [each for each in self.load.exchanges() if each.code == "store_unavailable"]

    def check(self) -> None:
        """Reads went on; what was refused never reached the merchant, which did nothing twice."""
        assert {each.status for each in self.load.reads} == {200}
        for each in self.refused:
            assert each.status == 503
            assert int(each.answer.value("Retry-After")) >= 1
        assert not {each.audit_id for each in self.refused} & self.shop.was_asked()
        assert self.shop.twice() == []
        assert all(len(write.bodies) <= 1 for write in self.load.writes)


@contextmanager
def _scene(
    folder: Path,
    merchant: Merchant,
    platform: Platform,
    url: str,
    *errors: str,
    timeout: str = "250ms",
    replicas: int = 0,
) -> Iterator[_Scene]:
    merchant.default = shop = Shop()
    store: dict[str, Any] = {"url": url, "timeout": timeout, "wait_replicas": replicas}
    with running_pair(folder, merchant, platform, errors=errors, **store) as pair:
        load = Load(pair.addresses, platform)
        scene = _Scene(pair, load, shop)
        with load:
            yield scene
        # The load has settled every write that it began: what became of each is known now.
        scene.check()


def _documented_user() -> list[str]:
    """Return the words of the one command that the documentation has for making the user."""
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    part = text.partition("<!-- acl: begin -->")[2].partition("<!-- acl: end -->")[0]
    (line,) = [line for line in part.splitlines() if line.startswith("ACL SETUSER")]
    return line.split()


def _start(server: StoreServer, *arguments: str) -> None:
    """Start it; that it is still reading its data is an answer, too."""
    with suppress(ReplyError):
        server.start(*arguments)


def _restart(server: StoreServer) -> None:
    server.stop()
    _start(server)


def test_a_store_that_is_killed_and_comes_back_with_its_data_executes_nothing_twice(
    store: StoreServer,
    merchant: Merchant,
    platform: Platform,
    tmp_path: Path,
) -> None:
    with _scene(tmp_path, merchant, platform, store.url) as scene:
        scene.play(store.kill, lambda: _start(store))
    assert scene.refused


def test_a_store_that_is_stopped_in_order_executes_nothing_twice(
    one_store: StoreServer,
    merchant: Merchant,
    platform: Platform,
    tmp_path: Path,
) -> None:
    with _scene(tmp_path, merchant, platform, one_store.unix_url) as scene:
        scene.play(one_store.stop, lambda: _start(one_store))


def test_a_store_that_is_paused_executes_nothing_twice(
    one_store: StoreServer,
    merchant: Merchant,
    platform: Platform,
    tmp_path: Path,
) -> None:
    with _scene(tmp_path, merchant, platform, one_store.url) as scene:
        scene.play(one_store.pause, one_store.resume)


def test_a_store_that_restarts_at_once_executes_nothing_twice(
    one_store: StoreServer, merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    with _scene(tmp_path, merchant, platform, one_store.url) as scene:
        for _ in range(3):
            scene.load.await_executed(time.monotonic(), SOME)
            _restart(one_store)
        scene.load.await_executed(time.monotonic(), SOME)


def test_a_store_that_comes_back_empty_is_used_again_without_a_restart(
    store: StoreServer, merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    merchant.default = shop = Shop()
    # A claim was lost, and the same key claimed anew, while its merchant was at work: this is what
    # the alarm is for.
    alarm = "a claim was settled by somebody else"
    with running_pair(tmp_path, merchant, platform, errors=(alarm,), url=store.url) as pair:
        load = Load(pair.addresses, platform)
        scene = _Scene(pair, load, shop)

        def come_back_empty() -> None:
            store.forget()
            _start(store)

        with load:
            scene.play(store.kill, come_back_empty)
            settled = {write.key for write in list(load.writes)}
            lost = time.monotonic()
            load.await_executed(lost, SOME)
        # A write that was settled before, or begins afterwards, is done once: only one whose
        # platform was still asking when its claim was lost can have been done twice.
        assert set(shop.twice()) <= settled
        assert {each.status for each in load.reads} == {200}
        assert not {each.audit_id for each in scene.refused} & shop.was_asked()


def test_a_store_that_forgets_the_scripts_is_told_them_again(
    store: StoreServer, merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    with _scene(tmp_path, merchant, platform, store.url, timeout=PATIENT) as scene:
        for _ in range(3):
            store.ask("SCRIPT", "FLUSH")
            scene.load.await_executed(time.monotonic(), SOME)
    assert scene.refused == []


def test_a_store_that_has_become_a_replica_is_not_written_to(
    store: StoreServer,
    merchant: Merchant,
    platform: Platform,
    tmp_path: Path,
) -> None:
    nobody = free_port()
    with _scene(tmp_path, merchant, platform, store.url) as scene:
        scene.play(
            lambda: store.ask("REPLICAOF", HOST, nobody),
            lambda: store.ask("REPLICAOF", "NO", "ONE"),
        )


def test_a_user_who_may_not_run_scripts_writes_nothing_until_he_may(
    store: StoreServer,
    merchant: Merchant,
    platform: Platform,
    tmp_path: Path,
) -> None:
    with _scene(tmp_path, merchant, platform, store.url) as scene:
        scene.play(
            lambda: store.ask("ACL", "SETUSER", "default", "-evalsha"),
            lambda: store.ask("ACL", "SETUSER", "default", "+evalsha"),
        )


def test_a_store_that_may_evict_is_not_used(
    merchant: Merchant, platform: Platform, tmp_path: Path, folder: Path
) -> None:
    with (
        running_server(folder / "store", *DURABLE) as store,
        _scene(tmp_path, merchant, platform, store.url, "maxmemory-policy") as scene,
    ):
        scene.load.await_executed(0.0, SOME)
        store.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        for gateway in scene.pair.gateways:
            gateway.warned("maxmemory-policy is allkeys-lru")
            assert gateway.admin("/readyz").status == 503
            # The load may be waiting for the other gateway, which has looked sooner or later.
            refused = gateway.ask(platform.signed("POST", CHECKOUTS, b"{}").wire())
            check_refusal(refused, "store_unavailable")
            assert gateway.ask(platform.signed("GET", f"{ORDERS}/1").wire()).status == 200
        store.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        scene.load.await_executed(time.monotonic())
        for gateway in scene.pair.gateways:
            gateway.await_ready()


def test_a_failover_by_sentinel_is_followed_and_repeats_nothing_that_was_replicated(
    merchant: Merchant, platform: Platform, tmp_path: Path, folder: Path
) -> None:
    with (
        running_sentinel(folder / "s", options=DURABLE) as sentinels,
        _scene(tmp_path, merchant, platform, sentinels.url, replicas=1) as scene,
    ):
        scene.load.await_executed(0.0, SOME)
        # It has to come with its replica: a master without one lets nothing be sent here.
        old, new = sentinels.master, sentinels.replicas[0]
        sentinels.hasten_failover()
        old.kill()
        scene.load.await_refused(time.monotonic(), SOME)
        sentinels.await_failover()
        _start(old, "--replicaof", HOST, str(new.port))
        scene.load.await_executed(time.monotonic(), SOME)


def test_a_slot_that_moves_between_the_nodes_of_a_cluster_repeats_nothing(
    merchant: Merchant, platform: Platform, tmp_path: Path, folder: Path
) -> None:
    with (
        running_cluster(folder / "c", 3, 0, *DURABLE) as cluster,
        _scene(tmp_path, merchant, platform, cluster.url) as scene,
    ):
        scene.load.await_executed(0.0, SOME)
        # All keys of one caller are in one slot: the node that has keys has this one.
        (source,) = [each for each in cluster.primaries if each.ask("DBSIZE")]
        slot = key_slot(source.ask("RANDOMKEY"))
        target = next(each for each in cluster.primaries if each is not source)
        for origin, goal in ((source, target), (target, source)):
            # Keys that are apart meanwhile are asked for until they are together again.
            cluster.move_slot(slot, origin, goal)
            scene.load.await_executed(time.monotonic(), SOME)


def test_the_documented_user_may_do_all_that_gateways_and_operators_ask_for(
    store: StoreServer,
    merchant: Merchant,
    platform: Platform,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store.ask(*_documented_user())
    url = store.url.replace("redis://", "redis://gateway:PASSWORD@")
    with _scene(tmp_path, merchant, platform, url, timeout=PATIENT) as scene:
        scene.load.await_executed(0.0, SOME)
        store.ask("SCRIPT", "FLUSH")
        scene.load.await_executed(time.monotonic(), SOME)
        configuration = str(tmp_path / "first" / "connector.yaml")
        assert main(["claims", "list", "--state", "all", "--json", "-c", configuration]) == 0
        assert capsys.readouterr().out
    assert scene.refused == []
    assert store.ask("ACL", "LOG") == []


def test_a_user_without_a_command_of_admission_has_writes_refused(
    store: StoreServer, merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    merchant.default = shop = Shop()
    store.ask(*_documented_user())
    url = store.url.replace("redis://", "redis://gateway:PASSWORD@")
    with running_pair(tmp_path, merchant, platform, url=url) as pair:
        gateway = pair.gateways[0]
        for command in ("evalsha", "time", "hmget", "get", "set", "hset"):
            store.ask("ACL", "SETUSER", "gateway", f"-{command}")
            refused = gateway.ask(new_write(platform).octets, "POST")
            assert refused.status == 503
            assert refused.document()["code"] == "store_unavailable"
            store.ask("ACL", "SETUSER", "gateway", f"+{command}")
        assert not shop.orders
        assert gateway.ask(new_write(platform).octets, "POST").status == 201
