"""A gateway on a system that has no AWS-LC: it says so, and OpenSSL does all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector import es256
from tests.end_to_end.answer_oracle import keys_in, verified
from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.merchant import AUTHORITY, PROFILE_PATH
from tests.end_to_end.platform import CHECKOUTS, ORDERS, Draft
from tests.end_to_end.refusals import refused

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Platform

SAID = "AWS-LC is not there"


def test_requests_are_verified_and_answers_signed_by_openssl(
    merchant: Merchant, platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = tmp_path / "modules" / "awscrt"
    absent.mkdir(parents=True)
    (absent / "__init__.py").write_text("raise ImportError\n")
    monkeypatch.setenv("PYTHONPATH", str(absent.parent), prepend=":")
    shop = merchant.settings(platforms={"registered": [platform.registration()]})
    with running_gateway(tmp_path, configuration(shop)) as gateway:
        gateway.warned(SAID)
        altered = platform.signed("POST", CHECKOUTS, b'{"a": 1}').wire()
        at = altered.index(b"Signature: sig1=:") + 20
        other = b"B" if altered[at : at + 1] == b"A" else b"A"
        altered = altered[:at] + other + altered[at + 1 :]
        refused(gateway, merchant, platform, altered, "signature_invalid")
        profile = gateway.ask(Draft("GET", PROFILE_PATH).add("Host", AUTHORITY).wire())
        for draft in (
            platform.signed("GET", f"{ORDERS}/1"),
            platform.signed("POST", CHECKOUTS, b'{"a": 1}'),
        ):
            answered = gateway.ask(draft.wire())
            assert answered.status == 200
            verified(answered, draft, keys_in(profile.body))


def test_a_gateway_that_has_it_says_nothing(
    merchant: Merchant, platform: Platform, tmp_path: Path
) -> None:
    shop = merchant.settings(platforms={"registered": [platform.registration()]})
    with running_gateway(tmp_path, configuration(shop)) as gateway:
        assert gateway.ask(platform.signed("GET", f"{ORDERS}/1").wire()).status == 200
    assert any(SAID in line for line in gateway.stderr) == (es256.library() is None)
