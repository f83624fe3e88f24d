from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from connector.admission.told import MOST_LINES, Told
from connector.cli.main import main
from tests.connector.admission.claims_in_store import (
    AUDIT_ID,
    TOKEN,
    fields_of,
    put_claim,
    with_client,
)
from tests.store_servers import free_port, running_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.store_servers import StoreServer

CONFIGURATION: Final = """
store: {url: "%s", timeout: 15s}
merchants:
  - id: shop
    authorities: [shop.example.com]
    upstream: {url: "http://127.0.0.1:8182"}
"""
TOLD: Final = "ucp1:{administration}:told"
ABSENT: Final = f"{'a' * 32}.{'b' * 64}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    with running_server(tmp_path_factory.mktemp("claims")) as server:
        yield server


class Command:
    """The command with a configuration, and what it last said."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = folder / "connector.yaml"
        self._capsys = capsys
        self.told = ""
        """On standard error."""

    def store(self, url: str) -> None:
        self.config.write_text(CONFIGURATION % url)

    def __call__(self, *words: str, status: int = 0) -> str:
        assert main(["claims", *words, "-c", str(self.config)]) == status
        said = self._capsys.readouterr()
        self.told = said.err
        return said.out

    def json(self, *words: str, status: int = 0) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*words, "--json", status=status).splitlines()]


@pytest.fixture
def claims(tmp_path: Path, capsys: pytest.CaptureFixture[str], server: StoreServer) -> Command:
    command = Command(tmp_path, capsys)
    command.store(server.unix_url)
    return command


@pytest.fixture
def server(running: StoreServer) -> StoreServer:
    running.ask("FLUSHALL")
    return running


def test_a_list_has_a_line_for_each_claim(claims: Command, server: StoreServer) -> None:
    first = put_claim(server, renewed_ago=200)
    second = put_claim(server, state="claimed", operation="complete_checkout")
    put_claim(server, state="completed")

    head, *rows = claims("list").splitlines()

    assert head.split() == ["since", "state", "merchant", "operation", "audit", "id", "claim"]
    assert [row.split()[1:] for row in rows] == [
        ["unknown", "shop", "create_checkout", AUDIT_ID, first],
        ["unknown", "shop", "complete_checkout", AUDIT_ID, second],
    ]
    assert claims.told == ""


def test_a_list_for_machines_has_an_object_in_each_line(
    claims: Command, server: StoreServer
) -> None:
    claim = put_claim(server, kind="unkeyed.")
    (shown,) = claims.json("list")
    assert (shown["claim"], shown["token"]) == (claim, TOKEN)


def test_a_list_is_narrowed_by_what_an_order_system_knows(
    claims: Command, server: StoreServer
) -> None:
    mine = put_claim(server, merchant="other", operation="update_cart", token="f" * 32)
    done = put_claim(server, state="completed")
    audit_id = json.dumps({"audit_id": "one"})
    audited = put_claim(server, about=audit_id)

    def found(*words: str) -> list[str]:
        return [each["claim"] for each in claims.json("list", *words)]

    assert found("--merchant", "other") == [mine]
    assert found("--operation", "update_cart") == [mine]
    assert found("--claim", "f" * 32) == [mine]
    assert found("--audit-id", "one") == [audited]
    assert found("--state", "completed") == [done]
    assert sorted(found("--state", "all")) == sorted([mine, done, audited])


def test_a_list_that_is_cut_or_leaves_something_out_says_so(
    claims: Command, server: StoreServer
) -> None:
    put_claim(server)
    put_claim(server)
    put_claim(server, payload="none")
    assert len(claims("list", "--limit", "1").splitlines()) == 2
    assert "there may be more" in claims.told
    claims("list")
    assert claims.told == "skipped, because they are not shaped as claims: 1\n"


def test_a_long_list_tells_a_terminal_how_far_it_is(
    claims: Command, server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connector.cli.claims._PROGRESS", 50)
    for _ in range(60):
        put_claim(server, state="completed")
    claims("list")
    assert claims.told == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    claims("list")
    assert claims.told == "\r50 names looked at\r\x1b[K"


def test_an_empty_list_says_so_to_people_and_is_empty_for_machines(claims: Command) -> None:
    assert claims("list") == "no such claims\n"
    assert claims("list", "--json") == ""


def test_one_claim_is_shown(claims: Command, server: StoreServer) -> None:
    claim = put_claim(server)
    lines = dict(line.split(maxsplit=1) for line in claims("show", claim).splitlines())
    assert (lines["claim"], lines["state"], lines["token"]) == (claim, "unknown", TOKEN)
    assert claims.json("show", claim)[0]["audit_id"] == AUDIT_ID


def test_what_is_in_the_store_does_not_steer_the_terminal(
    claims: Command, server: StoreServer
) -> None:
    claim = put_claim(server, merchant="\x1b[2J", note=json.dumps({"by\n": "\u202e"}))
    assert "?[2J" in claims("list")
    shown = claims("show", claim)
    assert shown.replace("\n", "").isprintable()


def test_a_resolution_is_said_in_a_line_and_leaves_a_decision_line(
    claims: Command, server: StoreServer
) -> None:
    claim = put_claim(server)

    said = claims("resolve", claim, "--executed", "--reason", "order 17", "--by", "ada")

    assert said == f"{claim}: executed\n"
    decision = json.loads(claims.told)
    assert (decision["decision"], decision["by"], decision["before"]) == (
        "resolve",
        "ada",
        "unknown",
    )
    assert fields_of(server, claim)[b"state"] == b"completed"
    lines = claims("show", claim)
    assert "note.reason     order 17\n" in lines


def test_a_resolution_for_machines_is_its_decision_line(
    claims: Command, server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "grace")
    claim = put_claim(server)
    (decision,) = claims.json("resolve", claim, "--not-executed", "--reason", "no such order")
    assert (decision["outcome"], decision["by"]) == ("not_executed", "grace")
    assert claims.told == ""
    assert fields_of(server, claim)[b"state"] == b"released"


def test_a_resolution_is_left_for_the_audit_log_of_a_gateway(
    claims: Command, server: StoreServer
) -> None:
    claims("resolve", put_claim(server), "--executed", "--reason", "order 17")
    said = claims.told
    assert with_client(server, lambda client: Told(client, b"gateway").take()) == [said.encode()]
    claims("resolve", ABSENT, "--executed", "--reason", "order 17", status=1)
    assert server.ask("GET", TOLD) == said.encode()


def test_a_resolution_that_no_audit_log_will_have_fails_and_says_so(
    claims: Command, server: StoreServer
) -> None:
    server.ask("SET", TOLD, "{}\n" * MOST_LINES)
    claim = put_claim(server)
    said = claims("resolve", claim, "--executed", "--reason", "order 17", status=1)
    assert said == f"{claim}: executed\n"
    assert "resolved, but no audit log will have it: 1000 resolutions wait" in claims.told
    assert fields_of(server, claim)[b"state"] == b"completed"
    server.ask("DEL", TOLD)
    server.ask("HSET", TOLD, "not", "a text")
    (said_to_machines,) = claims.json(
        "resolve", put_claim(server), "--executed", "--reason", "order 18", status=1
    )
    assert said_to_machines["reason"] == "order 18"
    assert "resolved, but no audit log will have it: " in claims.told


def test_who_has_no_login_name_is_a_number(
    claims: Command, server: StoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", none)
    (decision,) = claims.json("resolve", put_claim(server), "--executed", "--reason", "seen")
    assert decision["by"].startswith("uid ")


def test_what_is_said_of_one_attempt_holds_for_no_other(
    claims: Command, server: StoreServer
) -> None:
    asked = ("resolve", put_claim(server), "--executed", "--reason", "seen", "--claim")
    (refused,) = claims.json(*asked, "f" * 32, status=1)
    assert refused["error"] == "changed"
    (decision,) = claims.json(*asked, TOKEN)
    assert decision["outcome"] == "executed"


def test_what_cannot_be_resolved_exits_1(claims: Command, server: StoreServer) -> None:
    live = put_claim(server, state="claimed", renewed_ago=1)
    early = put_claim(server, renewed_ago=15)
    done = put_claim(server, state="completed")
    for claim, outcome, word in (
        (live, "--executed", "live"),
        (early, "--not-executed", "early"),
        (done, "--executed", "settled"),
        (ABSENT, "--executed", "absent"),
    ):
        asked = ("resolve", claim, outcome, "--reason", "seen")
        assert claims(*asked, status=1) == ""
        line = claims.told
        (failure,) = claims.json(*asked, status=1)
        assert (failure["claim"], failure["error"]) == (claim, word)
        assert line.startswith("ucp-connector: ")
        assert line.count("\n") == 1
    assert claims("show", ABSENT, status=1) == ""
    assert claims.told == "ucp-connector: there is no such claim\n"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("show",),
        ("show", "no-id"),
        ("list", "--limit", "0"),
        ("list", "--limit", "00001"),
        ("list", "--limit", "x"),
        ("list", "--state", "lost"),
        ("resolve", ABSENT, "--reason", "seen"),
        ("resolve", ABSENT, "--executed"),
        ("resolve", ABSENT, "--executed", "--not-executed", "--reason", "seen"),
        ("resolve", ABSENT, "--executed", "--reason", " "),
    ],
)
def test_wrong_usage_exits_2(claims: Command, words: tuple[str, ...]) -> None:
    assert claims(*words, status=2) == ""
    assert "Traceback" not in claims.told


def test_a_store_that_is_not_there_is_one_line(claims: Command) -> None:
    claims.store(f"redis://127.0.0.1:{free_port()}/0")
    claims("list", status=1)
    assert claims.told.startswith("ucp-connector: No connection to the store")
    assert claims.told.count("\n") == 1


def test_the_embedded_store_is_there_while_the_gateway_runs(
    claims: Command, server: StoreServer
) -> None:
    claims.store("embedded:")
    claims("list", status=1)
    assert "does it run?" in claims.told

    folder = claims.config.parent / "store"
    folder.mkdir()
    (folder / "socket").symlink_to(server.unix_path)
    claim = put_claim(server)
    assert claim in claims("list")


def test_a_bad_configuration_is_one_line(claims: Command) -> None:
    claims.config.write_text("merchants: []")
    claims("list", status=1)
    assert "merchants" in claims.told
