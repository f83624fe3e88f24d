"""``ucp-connector sign --send`` as a platform's own tool, through the gateway to the merchant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from connector.cli.main import main
from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.merchant import AUTHORITY
from tests.end_to_end.platform import CHECKOUTS, ORDERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Platform


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    shop = module_merchant.settings(
        platforms={"registered": [platform.registration()]}, responses={"bind_request": True}
    )
    with running_gateway(tmp_path_factory.mktemp("gateway"), configuration(shop)) as running:
        yield running


def _send(
    gateway: RunningGateway, platform: Platform, folder: Path, method: str, target: str, *argv: str
) -> int:
    key = folder / "key.json"
    key.write_text(json.dumps(platform.jwk))
    host, port = gateway.address
    where = ["--send", "--connect", f"{host}:{port}"]
    # TLS would end in front of the gateway: the URL is what is signed, less its scheme.
    url = f"http://{AUTHORITY}{target}"
    return main(
        ["sign", method, url, "--key", str(key), "--profile", platform.profile_url, *where, *argv]
    )


def test_a_write_reaches_the_merchant_as_it_was_signed(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    body = '{"line_items": []}'
    assert _send(gateway, platform, tmp_path, "POST", f"{CHECKOUTS}?a=%7e", "--data", body) == 0

    (seen,) = merchant.requests
    assert seen.target == f"{CHECKOUTS}?a=%7e".encode()
    assert seen.body == body.encode()
    assert seen.values("UCP-Verified-Identity") == [platform.profile_url]


def test_the_signed_answer_verifies_with_the_keys_that_the_gateway_publishes(
    gateway: RunningGateway,
    merchant: Merchant,
    platform: Platform,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    profile = f"http://{AUTHORITY}/.well-known/ucp"
    argv = ["--verify-answer", profile, "--format", "json"]
    assert _send(gateway, platform, tmp_path, "GET", f"{ORDERS}/1", *argv) == 0

    captured = capsys.readouterr()
    assert "the answer verifies: sig1, keyid " in captured.err
    answer = json.loads(captured.out)["answer"]
    assert answer["verified"]["label"] == "sig1"
    assert '"signature";req;key="sig1"' in dict(answer["headers"])["Signature-Input"]
    assert [seen.target for seen in merchant.requests] == [f"{ORDERS}/1".encode()]


def test_a_signature_that_covers_too_little_ends_with_one(
    gateway: RunningGateway,
    merchant: Merchant,
    platform: Platform,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _send(gateway, platform, tmp_path, "GET", f"{ORDERS}/1", "--component", "@method") == 1

    captured = capsys.readouterr()
    assert captured.out.startswith("HTTP 401\n")
    assert '"signature_invalid"' in captured.out
    assert captured.err == "ucp-connector: the answer's status is 401\n"
    assert merchant.requests == []
