"""The run: rounds in which every contender takes its turn with the same signed requests."""

from __future__ import annotations

import contextlib
import secrets
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.calls import measure_calls
from bench.contenders import GENERATOR, VERIFYING, Place, contender, merchant
from bench.gateways import ADMITTING, EMBEDDED, GATEWAYS, THROUGH_REDIS_PY, UNIX, WHOLE, directory
from bench.load import generate
from bench.machine import BenchError, ecdsa_rate
from bench.overhead import measure_overheads
from bench.processor import core_seconds, tree_seconds
from bench.requests import AUTHORITY, TAMPERINGS, Platform, Pool, write_pool
from bench.results import Control, Results, Sample, Step
from bench.servers import Server, exchange, pinned
from bench.steps import measure_steps
from bench.stores import Store, embedded, store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bench.contenders import Merchant

METHODS: Final = ("GET", "POST")
_READY_LIMIT: Final = 20.0
_WARM_UP: Final = 1  # seconds
_CONTROL: Final = 1
_CONTROL_POOL: Final = 3_000
_STEP_COUNT: Final = 3_000
_OVERHEAD_PASSES: Final = 200
_CALL_PASSES: Final = 3
_CALL_COUNT: Final = 5_000
_PUBLIC_ONLY: Final = "answered from the copy of the profile: server, wire guard, decision line"
_REFUSED: Final = "refused at its signature: everything up to ECDSA, and a new connection for each"
_PUBLIC: Final = (
    f"GET /.well-known/ucp HTTP/1.1\r\nHost: {AUTHORITY}\r\nUser-Agent: bench/1\r\n\r\n"
).encode("ascii")
_SPARE: Final = 0.5  # seconds' worth of requests more than a run can use


class Plan(NamedTuple):
    """How long, how often, and whom to measure."""

    rounds: int
    seconds: int
    contenders: Sequence[str]


class Bench:
    """One whole run. ``tell`` is given a line of progress before each step."""

    def __init__(self, plan: Plan, place: Place, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._place = place
        self._tell = tell
        self._platform = Platform()
        self._results = Results([], [], [], [], [], [], [])
        self._stores: dict[str, Store] = {}
        """The store of each contender that asks one."""

    def run(self) -> Results:
        """Start everything, measure, and end everything; raises BenchError."""
        with contextlib.ExitStack() as stack:
            shop = stack.enter_context(merchant(self._place))
            shared = stack.enter_context(store(self._place))
            servers = {}
            for name in self._plan.contenders:
                if name == GENERATOR:
                    servers[name] = shop.server
                    continue
                self._tell(f"starting {name}")
                shared.empty()
                clients = shared.redis_py_clients()
                servers[name] = stack.enter_context(
                    contender(name, self._place, shop.server.port, self._platform, shared)
                )
                self._check(servers[name])
                if name in ADMITTING:
                    self._stores[name] = self._embedded() if name == EMBEDDED else shared
                if name in GATEWAYS:
                    self._check_variant(name, shared, clients)
            self._warm_up(servers)
            for number in range(self._plan.rounds):
                self._round(number, servers, shop)
            ours = next((name for name in (WHOLE, UNIX, *GATEWAYS) if name in servers), None)
            if ours is not None:
                self._steps(servers[ours], shop, shared)
        return self._results

    def _embedded(self) -> Store:
        home = directory(self._place.folder / EMBEDDED)
        return embedded(home, self._place.cores.others)

    def _check(self, server: Server) -> None:
        """Send one of each kind before any load: what verifies must pass, the rest must not."""
        if server.name not in VERIFYING:
            return
        now, series = int(time.time()), _series()
        deadline = time.monotonic() + _READY_LIMIT
        for method in METHODS:
            make = self._platform.get if method == "GET" else self._platform.post
            status, text = exchange(server, make(series, 1, now))
            while status != 200 and time.monotonic() < deadline:
                time.sleep(0.2)
                status, text = exchange(server, make(series, 1, now))
            if status != 200:
                shown = text[:200].decode("utf-8", "replace")
                raise BenchError(f"{server.name} answers a good {method} with {status}: {shown}")
            for tampering in TAMPERINGS[method]:
                status, _ = exchange(server, make(series, 1, now, tampering))
                if not 400 <= status <= 499:
                    raise BenchError(
                        f"{server.name} answers a {method} with altered {tampering} with {status}"
                    )

    def _check_variant(self, name: str, shared: Store, clients: int) -> None:
        """Hold against the store what a gateway was to leave out or to exchange.

        What mypyc compiles cannot be given other parts everywhere: a variant that is none measured
        the whole gateway under another name, or the replay of answers that others had recorded.
        """
        if self._stores.get(name, shared).holds_claims() != (name in ADMITTING):
            raise BenchError(f"{name} claims what it should not, or does not what it should")
        if (shared.redis_py_clients() > clients) != (name in THROUGH_REDIS_PY):
            raise BenchError(f"{name} asks the store through another client than it should")

    def _warm_up(self, servers: dict[str, Server]) -> None:
        for method in METHODS:
            with self._pool(method, 10_000) as pool:
                for name, server in servers.items():
                    self._tell(f"warming up {name}, {method}")
                    self._empty_store(name)
                    generate(server.port, pool, _WARM_UP, self._place.cores.others)

    def _round(self, number: int, servers: dict[str, Server], shop: Merchant) -> None:
        where = f"round {number + 1} of {self._plan.rounds}"
        self._tell(f"{where}: openssl speed")
        checks = ecdsa_rate(self._place.cores, max(1, self._plan.seconds // 2))
        self._results.ecdsa.append(checks)
        names = list(servers)
        order = names[number % len(names) :] + names[: number % len(names)]
        for method in METHODS:
            # Nothing on one core checks more signatures than openssl: no pool is used up by a
            # contender that verifies.
            self._tell(f"{where}: signing {method} requests")
            with self._pool(method, int(checks * (self._plan.seconds + _SPARE))) as pool:
                for name in order:
                    self._tell(f"{where}: {name}, {method}")
                    self._sample(number, servers[name], name, method, pool, shop)
            with self._pool(method, _CONTROL_POOL, TAMPERINGS[method]) as pool:
                for name in order:
                    # The others show once that they do verify.
                    if name == WHOLE or (name in VERIFYING and number == 0):
                        self._tell(f"{where}: {name}, tampered {method}")
                        self._control(number, servers[name], method, pool, shop)

    def _sample(
        self, number: int, server: Server, name: str, method: str, pool: Pool, shop: Merchant
    ) -> None:
        core = self._place.cores.contender
        self._empty_store(name)
        kept = self._stores.get(name)
        stored = 0.0 if kept is None else kept.seconds()
        reached, served = shop.requests(), tree_seconds(shop.server.pid)
        spent, whole, began = tree_seconds(server.pid), core_seconds(core), time.monotonic()
        load = generate(server.port, pool, self._plan.seconds, self._place.cores.others)
        wall = time.monotonic() - began
        now = core_seconds(core)
        spent = tree_seconds(server.pid) - spent
        served = tree_seconds(shop.server.pid) - served
        stored = 0.0 if kept is None else kept.seconds() - stored
        if name == EMBEDDED:  # a child of the contender's, but on the other side's cores
            spent -= stored
        used = now.processes - whole.processes
        self._results.samples.append(
            Sample(
                round=number,
                contender=name,
                method=method,
                requests=load.requests,
                rate=load.requests / load.seconds,
                p50=load.p50,
                p99=load.p99,
                cpu=spent / max(load.requests, 1),
                core_busy=(used + now.interrupts - whole.interrupts) / wall,
                core_foreign=0.0 if name == GENERATOR else max(used - spent, 0.0) / wall,
                core_stolen=(now.stolen - whole.stolen) / wall,
                generator_busy=load.generator / wall,
                merchant_busy=served / wall,
                errors=load.errors,
                repeated=load.wraps,
                reached=shop.requests() - reached - 1,
                store=stored / max(load.requests, 1),
            )
        )

    def _empty_store(self, name: str) -> None:
        """Let nobody find the claims of those who were sent the same requests before."""
        kept = self._stores.get(name)
        if kept is not None:
            kept.empty()

    def _control(
        self, number: int, server: Server, method: str, pool: Pool, shop: Merchant
    ) -> None:
        reached = shop.requests()
        load = generate(server.port, pool, _CONTROL, self._place.cores.others, statuses=True)
        self._results.controls.append(
            Control(
                round=number,
                contender=server.name,
                method=method,
                statuses=load.statuses,
                errors={kind: n for kind, n in load.errors.items() if kind != "status"},
                reached=shop.requests() - reached - 1,
            )
        )

    def _steps(self, gateway: Server, shop: Merchant, shared: Store) -> None:
        """Find where the time goes: whole requests that end early, then steps by themselves."""
        self._tell("steps: a public document")
        path = self._place.folder / "public.pool"
        path.write_bytes(_PUBLIC)
        public = self._spent(gateway, Pool(path, len(_PUBLIC), 1))
        refused = {}
        for method in METHODS:
            self._tell(f"steps: {method} refused at its signature")
            with self._pool(method, _CONTROL_POOL, ("signature",)) as pool:
                refused[method] = self._spent(gateway, pool)
        self._results.parts.append(Step(_PUBLIC_ONLY, dict.fromkeys(METHODS, public)))
        self._results.parts.append(Step(_REFUSED, refused))
        self._tell("steps: one by one")
        with pinned({self._place.cores.contender}):
            shared.empty()
            self._results.steps.extend(
                measure_steps(self._platform, shop.server.port, shared.unix_url, _STEP_COUNT)
            )
            self._tell("steps: scripts")
            self._results.calls.extend(measure_calls(shared, _CALL_PASSES, _CALL_COUNT))
            self._tell("steps: beside bare signature operations")
            self._results.overheads.extend(measure_overheads(self._platform, _OVERHEAD_PASSES))

    def _spent(self, gateway: Server, pool: Pool) -> float:
        """Return the gateway's processor seconds per request."""
        before = tree_seconds(gateway.pid)
        load = generate(gateway.port, pool, self._plan.seconds, self._place.cores.others)
        return (tree_seconds(gateway.pid) - before) / load.requests

    @contextlib.contextmanager
    def _pool(
        self, method: str, count: int, tamperings: Sequence[str | None] = (None,)
    ) -> Iterator[Pool]:
        path = self._place.folder / f"{method}.pool"
        try:
            yield write_pool(
                path,
                self._platform,
                method,
                _series(),
                count,
                int(time.time()),
                tamperings=tamperings,
            )
        finally:
            path.unlink()
            for log in self._place.folder.glob("*.log"):
                log.open("wb").close()


def _series() -> str:
    return secrets.token_hex(4)
