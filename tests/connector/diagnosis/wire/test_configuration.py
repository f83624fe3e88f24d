"""The configuration that is printed for a gateway under test."""

from __future__ import annotations

from pathlib import Path

from connector.diagnosis.wire.configuration import configuration
from connector.diagnosis.wire.places import PROFILES_PORT
from connector.settings.loading import settings_from
from tests.connector.diagnosis.wire.shipped import FILES, SENT, around


def test_it_is_one_that_the_gateway_takes_with_a_merchant_for_every_case() -> None:
    document = configuration(FILES.values(), PROFILES_PORT)
    settings = settings_from(document, folder=Path("/"), source="settings")

    authorities = {name for merchant in settings.merchants for name in merchant.authorities}
    assert {
        around(FILES[name], case).with_authority("shop.example.com")
        for name, case, _ in SENT
        if "authorities" not in case.settings
    } <= authorities


def test_cases_with_the_same_settings_share_a_merchant() -> None:
    merchants = configuration(FILES.values(), PROFILES_PORT)["merchants"]
    names = [merchant["id"] for merchant in merchants]
    labels = {around(FILES[name], case).label for name, case, _ in SENT}

    assert len(set(names)) == len(names)
    assert len(labels) <= len(names) < sum(bool(case.settings) for _, case, _ in SENT)
