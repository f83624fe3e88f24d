from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from connector.admin.health import Health
from connector.admin.listener import admin_application
from connector.admin.token import TokenFile
from connector.admission.desk import ClaimDesk, Listing
from connector.store.errors import StoreUnavailable
from connector.telemetry.metrics import Metrics
from tests.connector.admission.claims_in_store import TOKEN, connected, fields_of, put_claim
from tests.store_servers import running_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.store_servers import StoreServer

BEARER: Final = "c0ffee" * 6
ABSENT: Final = f"{'a' * 32}.{'b' * 64}"
RESOLUTION: Final = {"outcome": "executed", "by": "ada", "reason": "seen in the order system"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    with running_server(tmp_path_factory.mktemp("claims")) as server:
        yield server


@pytest.fixture
def server(running: StoreServer) -> StoreServer:
    running.ask("FLUSHALL")
    return running


class Listener:
    """The admin application beside a real store, as one that asks sees it."""

    def __init__(self, server: StoreServer, **options: Any) -> None:
        self._server = server
        self._options = options
        self.told: list[str] = []

    def __call__(self, method: str, path: str, **request: Any) -> httpx.Response:
        return asyncio.run(self._ask(method, path, request))

    async def _ask(self, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        async with connected(self._server) as store:
            application = admin_application(
                Health([]),
                Metrics(),
                claims=ClaimDesk(store, keep=3600.0, tombstone=3600.0),
                tell=self.told.append,
                **self._options,
            )
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(application), base_url="http://localhost:9090"
            ) as client:
                return await client.request(method, path, **request)


@pytest.fixture
def listener(server: StoreServer) -> Listener:
    return Listener(server)


def test_a_listing_has_what_nobody_knows(server: StoreServer, listener: Listener) -> None:
    claim = put_claim(server)
    put_claim(server, state="completed")

    answer = listener("GET", "/claims")

    assert answer.status_code == 200
    document = answer.json()
    assert [each["claim"] for each in document["claims"]] == [claim]
    assert (document["complete"], document["skipped"]) == (True, 0)


def test_a_listing_is_narrowed_by_its_query(server: StoreServer, listener: Listener) -> None:
    done = put_claim(server, state="completed")
    mine = put_claim(server, merchant="other", token="f" * 32)
    put_claim(server)

    def claims(query: str) -> list[str]:
        return [each["claim"] for each in listener("GET", f"/claims?{query}").json()["claims"]]

    assert claims("state=completed") == [done]
    assert claims("merchant=other&operation=create_checkout") == [mine]
    assert claims(f"claim={'f' * 32}") == [mine]
    assert len(claims("limit=1")) == 1
    assert claims("audit_id=none") == []


@pytest.mark.parametrize(
    "query",
    [
        "state=lost",
        "limit=0",
        "limit=x",
        "limit=1001",
        "limit=9999999999",
        "merchant=a&merchant=b",
        "colour=red",
    ],
)
def test_a_query_that_cannot_be_asked_is_refused(listener: Listener, query: str) -> None:
    answer = listener("GET", f"/claims?{query}")
    assert (answer.status_code, answer.json()["error"]) == (400, "wrong_request")


def test_one_claim_is_shown_or_not_there(server: StoreServer, listener: Listener) -> None:
    claim = put_claim(server, kind="unkeyed.")
    assert listener("GET", f"/claims/{claim}").json()["token"] == TOKEN
    assert listener("GET", f"/claims/{ABSENT}").status_code == 404
    assert listener("GET", "/claims/none").status_code == 404


def test_a_resolution_is_done_once_and_leaves_its_line(
    server: StoreServer, listener: Listener
) -> None:
    claim = put_claim(server)

    answer = listener("POST", f"/claims/{claim}/resolve", json=RESOLUTION)

    assert answer.status_code == 200
    (line,) = listener.told
    assert json.loads(line) == answer.json()
    assert answer.json()["claim"] == claim
    assert fields_of(server, claim)[b"state"] == b"completed"

    again = listener("POST", f"/claims/{claim}/resolve", json=RESOLUTION)
    assert (again.status_code, again.json()["error"]) == (409, "settled")
    assert len(listener.told) == 1


def test_what_is_said_of_one_attempt_holds_for_no_other(
    server: StoreServer, listener: Listener
) -> None:
    claim = put_claim(server)
    path = f"/claims/{claim}/resolve"
    other = listener("POST", path, json={**RESOLUTION, "claim": "f" * 32})
    assert (other.status_code, other.json()["error"]) == (409, "changed")
    assert listener.told == []

    same = listener("POST", path, json={**RESOLUTION, "claim": TOKEN})
    assert same.status_code == 200


def test_a_claim_that_may_be_at_work_is_not_resolved(
    server: StoreServer, listener: Listener
) -> None:
    live = put_claim(server, state="claimed", renewed_ago=1)
    early = put_claim(server, renewed_ago=15)
    not_executed = RESOLUTION | {"outcome": "not_executed"}

    working = listener("POST", f"/claims/{live}/resolve", json=not_executed)
    waiting = listener("POST", f"/claims/{early}/resolve", json=not_executed)

    assert (working.status_code, working.json()["error"]) == (409, "live")
    assert (waiting.status_code, waiting.json()["error"]) == (409, "early")
    assert 1 <= waiting.json()["retry_after"] <= 5
    assert waiting.headers["retry-after"] == str(waiting.json()["retry_after"])
    assert listener.told == []


def test_there_is_nothing_to_resolve_where_there_is_no_claim(listener: Listener) -> None:
    answer = listener("POST", f"/claims/{ABSENT}/resolve", json=RESOLUTION)
    assert (answer.status_code, answer.json()["error"]) == (404, "absent")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 5000,
        b"\xff",
        json.dumps(RESOLUTION | {"more": "x"}).encode(),
        json.dumps({"outcome": "executed"}).encode(),
        json.dumps(RESOLUTION | {"by": 7}).encode(),
        json.dumps(RESOLUTION | {"outcome": "perhaps"}).encode(),
        json.dumps(RESOLUTION | {"reason": "\ud800"}).encode(),
        json.dumps(RESOLUTION | {"reason": ""}).encode(),
    ],
)
def test_what_is_not_a_resolution_is_refused(
    server: StoreServer, listener: Listener, body: bytes
) -> None:
    claim = put_claim(server)
    answer = listener(
        "POST",
        f"/claims/{claim}/resolve",
        content=body,
        headers={"content-type": "application/json; charset=utf-8"},
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "wrong_request")
    assert fields_of(server, claim)[b"state"] == b"unknown"


@pytest.mark.parametrize("media_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_what_a_web_page_could_send_is_refused(
    server: StoreServer, listener: Listener, media_type: str | None
) -> None:
    claim = put_claim(server)
    headers = {} if media_type is None else {"content-type": media_type}
    answer = listener(
        "POST", f"/claims/{claim}/resolve", content=json.dumps(RESOLUTION), headers=headers
    )
    assert answer.status_code == 415
    assert fields_of(server, claim)[b"state"] == b"unknown"


def test_a_body_has_an_end(listener: Listener) -> None:
    answer = listener(
        "POST",
        f"/claims/{ABSENT}/resolve",
        content=b" " * 8193,
        headers={"content-type": "application/json"},
    )
    assert answer.status_code == 413


def test_reading_resolves_nothing(server: StoreServer, listener: Listener) -> None:
    claim = put_claim(server)
    assert listener("GET", f"/claims/{claim}/resolve").status_code == 405
    assert listener("POST", f"/claims/{claim}").status_code == 405


@pytest.mark.parametrize("applied", [False, True])
def test_without_the_store_the_answer_says_so(*, applied: bool) -> None:
    class Down:
        async def show(self, claim_id: str) -> None:
            raise StoreUnavailable(f"The store is away, {len(claim_id)}.", applied=applied)

    async def ask() -> httpx.Response:
        down: Any = Down()
        transport = httpx.ASGITransport(admin_application(Health([]), Metrics(), claims=down))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/claims/x")

    answer = asyncio.run(ask())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert ("may have done" in answer.json()["explanation"]) is applied


# Who may ask


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9090", "127.0.0.1:1", "[::1]:9090"])
def test_without_a_token_this_machine_is_served(listener: Listener, host: str) -> None:
    assert listener("GET", "/claims", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1"]
)
def test_without_a_token_a_name_that_somebody_may_rebind_is_refused(
    server: StoreServer, listener: Listener, host: str
) -> None:
    claim = put_claim(server)
    for method, path in (
        ("GET", "/claims"),
        ("GET", f"/claims/{claim}"),
        ("POST", f"/claims/{claim}/resolve"),
    ):
        answer = listener(method, path, headers={"host": host}, json=RESOLUTION)
        assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert fields_of(server, claim)[b"state"] == b"unknown"


@pytest.mark.parametrize(
    "said",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_no_web_page_has_claims_listed(listener: Listener, said: dict[str, str]) -> None:
    answer = listener("GET", "/claims", headers=said)
    assert (answer.status_code, answer.json()["error"]) == (403, "forbidden")
    assert listener("GET", "/metrics", headers=said).status_code == 200
    assert listener("GET", "/claims", headers={"sec-fetch-site": "none"}).status_code == 200


def test_one_listing_goes_through_the_store_at_a_time() -> None:
    class Slow:
        def __init__(self) -> None:
            self.asked = asyncio.Event()
            self.may_answer = asyncio.Event()

        async def list(self, **_: Any) -> Any:
            self.asked.set()
            await self.may_answer.wait()
            return Listing([], 0, complete=True)

    async def ask() -> list[int]:
        slow: Any = Slow()
        transport = httpx.ASGITransport(admin_application(Health([]), Metrics(), claims=slow))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            first = asyncio.create_task(client.get("/claims"))
            await slow.asked.wait()
            busy = await client.get("/claims")
            slow.may_answer.set()
            return [
                busy.status_code,
                (await first).status_code,
                (await client.get("/claims")).status_code,
            ]

    assert asyncio.run(ask()) == [429, 200, 200]


def test_two_hosts_are_refused(listener: Listener) -> None:
    headers = [("host", "localhost"), ("host", "localhost")]
    assert listener("GET", "/claims", headers=headers).status_code == 403


def test_without_a_token_a_listener_on_the_network_serves_no_claims(server: StoreServer) -> None:
    listener = Listener(server, loopback=False)
    assert listener("GET", "/claims").status_code == 403
    assert listener("GET", "/metrics").status_code == 200


@pytest.fixture
def guarded(server: StoreServer, tmp_path: Path) -> Listener:
    path = tmp_path / "token"
    path.write_text(BEARER)
    return Listener(server, token=TokenFile(path), loopback=False)


def test_with_a_token_everything_but_health_asks_for_it(guarded: Listener) -> None:
    for path in ("/claims", f"/claims/{ABSENT}", "/metrics", "/", "/claims/x/resolve"):
        answer = guarded("GET", path)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert BEARER not in answer.text
    assert guarded("GET", "/livez").status_code == 200
    assert guarded("GET", "/readyz").status_code == 503


def test_with_the_token_claims_are_served_under_any_name(guarded: Listener) -> None:
    headers = {"authorization": f"Bearer {BEARER}", "host": "gateway.internal"}
    assert guarded("GET", "/claims", headers=headers).status_code == 200
    assert guarded("GET", "/metrics", headers=headers).status_code == 200


def test_a_wrong_token_or_two_are_refused(guarded: Listener) -> None:
    good = ("authorization", f"Bearer {BEARER}")
    assert guarded("GET", "/claims", headers=[("authorization", "Bearer x")]).status_code == 401
    assert guarded("GET", "/claims", headers=[good, good]).status_code == 401


def test_a_resolution_is_printed_where_nobody_else_is_told(
    server: StoreServer, capsys: pytest.CaptureFixture[str]
) -> None:
    claim = put_claim(server)

    async def ask() -> None:
        async with connected(server) as store:
            desk = ClaimDesk(store, keep=3600.0, tombstone=3600.0)
            application = admin_application(Health([]), Metrics(), claims=desk)
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(application), base_url="http://localhost"
            ) as client:
                await client.post(f"/claims/{claim}/resolve", json=RESOLUTION)

    asyncio.run(ask())
    assert json.loads(capsys.readouterr().out)["claim"] == claim
