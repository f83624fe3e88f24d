"""The merchant's public documents come from the connector's own copy, to anybody.

Nothing is signed here, so they go out as they were read; with our keys in them they are in
test_signed_answers.py.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.merchant import AUTHORITY, PROFILE, PROFILE_PATH
from tests.end_to_end.platform import Draft
from tests.end_to_end.raw_server import nobody
from tests.end_to_end.refusals import check_never_forwarded, check_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Platform

FILED: Final = "filed.example.com"
UNSIGNED: Final = {"sign": False}
DOWN: Final = "down.example.com"
FILE: Final = b'{"ucp":  {"version": "2026-08-25"}, "n": "\xc3\xa4"}\n'
LEAF_PATH: Final = "/.well-known/more.json"
LEAF: Final = b'{"leaf": true}'


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "profile.json").write_bytes(FILE)
    (folder / "leaf.json").write_bytes(LEAF)
    platforms = {"registered": [platform.registration()]}
    shop = module_merchant.settings(platforms=platforms, responses=UNSIGNED)
    filed = module_merchant.settings(
        id="filed",
        authorities=[FILED],
        responses=UNSIGNED,
        profile={"source": "file", "file": "profile.json", "leaves": {LEAF_PATH: "leaf.json"}},
    )
    with nobody() as origin:
        down = {"id": "down", "authorities": [DOWN], "upstream": {"url": origin}}
        with running_gateway(folder, configuration(shop, filed, down)) as running:
            # The copies are made in the first moments, and nothing waits for them but this.
            for authority, path in (
                (AUTHORITY, PROFILE_PATH),
                (FILED, PROFILE_PATH),
                (FILED, LEAF_PATH),
            ):
                while running.ask(document(path, authority).wire()).status == 502:
                    pass
            yield running


def document(path: str = PROFILE_PATH, authority: str = AUTHORITY, method: str = "GET") -> Draft:
    return Draft(method, path).add("Host", authority)


def test_anybody_reads_the_merchants_own_profile(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    answered = gateway.ask(document().wire())
    assert (answered.status, answered.body) == (200, PROFILE)
    assert answered.value("Content-Type") == "application/json"
    assert answered.value("Access-Control-Allow-Origin") == "*"
    assert answered.value("ETag").startswith('"')
    directives = answered.value("Cache-Control").replace(" ", "").split(",")
    assert "public" in directives
    (age,) = [int(each[8:]) for each in directives if each.startswith("max-age=")]
    assert age >= 60
    check_never_forwarded(gateway, merchant, platform)


def test_the_merchant_was_asked_once_whoever_reads(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    for _ in range(20):
        gateway.ask(document().wire())
    check_never_forwarded(gateway, merchant, platform)
    assert len(merchant.asked_by_connector) == 1
    (asked,) = merchant.asked_by_connector
    assert asked.values("Host") == [AUTHORITY]


@pytest.mark.parametrize(("path", "body"), [(PROFILE_PATH, FILE), (LEAF_PATH, LEAF)])
def test_files_are_published_octet_by_octet(
    path: str, body: bytes, gateway: RunningGateway
) -> None:
    answered = gateway.ask(document(path, FILED).wire())
    assert (answered.status, answered.body) == (200, body)


def test_a_head_request_has_the_same_head_and_no_body(gateway: RunningGateway) -> None:
    with gateway.connect() as connection:
        got = connection.exchange(document().wire())
        headed = connection.exchange(document(method="HEAD").wire(), "HEAD")
        # Were there a body, it would be the beginning of this answer.
        again = connection.exchange(document().wire())
    unchanging = {"Content-Type", "Cache-Control", "ETag", "Content-Length"}
    assert headed.status == 200
    assert {name: headed.value(name) for name in unchanging} == {
        name: got.value(name) for name in unchanging
    }
    assert again.body == PROFILE


@pytest.mark.parametrize("how", ["{}", "W/{}", '"other", {}', "*"])
def test_a_copy_that_is_current_is_not_sent_again(how: str, gateway: RunningGateway) -> None:
    etag = gateway.ask(document().wire()).value("ETag")
    with gateway.connect() as connection:
        request = document().add("If-None-Match", how.format(etag))
        answered = connection.exchange(request.wire())
        assert (answered.status, answered.body) == (304, b"")
        assert answered.value("ETag") == etag
        assert connection.exchange(document().wire()).status == 200


def test_another_copy_is_sent_whole(gateway: RunningGateway) -> None:
    answered = gateway.ask(document().add("If-None-Match", '"other"').wire())
    assert (answered.status, answered.body) == (200, PROFILE)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{PROFILE_PATH}?"),
        ("GET", f"{PROFILE_PATH}?a=1"),
        ("GET", f"{PROFILE_PATH}/"),
        ("GET", "/.well-known/UCP"),
        ("GET", "/.well-known/other"),
        ("POST", PROFILE_PATH),
        ("OPTIONS", PROFILE_PATH),
        ("DELETE", PROFILE_PATH),
    ],
)
def test_nothing_else_there_is_public_or_passed_on(
    method: str, path: str, gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    check_refusal(gateway.ask(document(path, method=method).wire()), "unknown_operation")
    signed = platform.sign(platform.draft(method, path))
    check_refusal(gateway.ask(signed.wire()), "unknown_operation")
    check_never_forwarded(gateway, merchant, platform)


def test_a_leaf_is_public_for_its_own_merchant_only(gateway: RunningGateway) -> None:
    check_refusal(gateway.ask(document(LEAF_PATH).wire()), "unknown_operation")


def test_a_document_that_was_never_read_is_not_missing(gateway: RunningGateway) -> None:
    """A 404 would be remembered; the merchant may be back in a moment."""
    check_refusal(gateway.ask(document(authority=DOWN).wire()), "upstream_unreachable")


def test_a_public_answer_leaves_a_decision_line(gateway: RunningGateway) -> None:
    before = len(gateway.stdout)
    gateway.ask(document(LEAF_PATH, FILED).add("X-Odd", "secret").wire())
    found = gateway.decision_where(merchant="filed", decision="public", status=200)
    assert "code" not in found
    assert "secret" not in json.dumps(found)
    assert len(gateway.stdout) >= before
