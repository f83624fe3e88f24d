"""What the settings make of validation."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from connector.errors import Refusal
from connector.server.validating import build_validation, check_models, unjudged
from connector.settings.checks import MODELLED
from connector.telemetry.metrics import Metrics
from connector.validation import release
from connector.validation.release import VERSION
from tests.connector.settings.documents import merchant, settings

_UNKNOWN = b'{"line_items":[],"gift":1}'


def _settings(**validation: Any) -> Any:
    return settings(merchants=[merchant(validation=validation, versions=[VERSION])])


def test_the_settings_know_the_version_that_the_models_are_of() -> None:
    assert {VERSION} == MODELLED


def test_nothing_is_judged_unless_it_is_asked_for() -> None:
    assert build_validation(_settings().merchants[0], Metrics()) is None


@pytest.mark.parametrize(
    ("validation", "told"),
    [
        ({"requests": "report"}, ""),
        ({"requests": "report", "unknown_fields": "refuse"}, "$[*]: unknown_member"),
        (
            {"requests": "report", "unknown_fields": "refuse", "known_fields": ["gift"]},
            "",
        ),
    ],
)
def test_unknown_fields_are_told_as_the_settings_say(validation: dict[str, Any], told: str) -> None:
    made = build_validation(_settings(**validation).merchants[0], Metrics())
    assert made is not None
    assert made.judge(_UNKNOWN, "create_cart", VERSION, call=False) == told


def test_what_is_refused_is_counted_under_the_merchants_id() -> None:
    metrics = Metrics()
    made = build_validation(_settings(requests="enforce").merchants[0], metrics)
    assert made is not None
    with pytest.raises(Refusal):
        made.judge(b"{}", "create_cart", VERSION, call=False)
    labels = '{merchant="flower-shop",operation="create_cart",rule="required"}'
    assert f"ucp_connector_invalid_bodies_total{labels} 1.0" in metrics.exposition().decode()


def test_missing_models_are_told_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "installed", lambda _: "0.4.0")
    check_models(_settings())
    with pytest.raises(ValueError, match=r"install ucp-connector\[validation\]"):
        check_models(_settings(requests="report"))


def test_an_operator_learns_which_requests_have_no_schema() -> None:
    both = settings(merchants=[merchant(validation={"requests": "report"})])
    (told,) = unjudged(both)
    assert told.startswith("merchant flower-shop: requests of version 2026-04-08 are held against")
    assert list(unjudged(settings())) == []
    assert list(unjudged(_settings(requests="report"))) == []


def test_the_models_are_not_even_imported_where_nobody_asks_for_them() -> None:
    script = (
        "import sys, connector.cli.serve, connector.server.serve; print('ucp_sdk' in sys.modules)"
    )
    found = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout == "False\n"
