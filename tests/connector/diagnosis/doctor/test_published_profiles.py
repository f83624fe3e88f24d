"""The whole profiles that stand in the specification break no rule of ``doctor``."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from connector.diagnosis.doctor.facts import BUSINESS, PLATFORM
from connector.diagnosis.doctor.finding import OK
from tests.canonical.vectors import load
from tests.connector.diagnosis.doctor.visits import AGENT, VERSION, examined, findings, visited

ROLES: Final = {"business_schema": BUSINESS, "platform_schema": PLATFORM}
URLS: Final = {BUSINESS: "https://business.example.com/.well-known/ucp", PLATFORM: AGENT}


def _profiles() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for example in load("ucp/doc_examples.json")["examples"]:
        annotation = example["annotation"] or {}
        if example["file"].endswith("overview/index.md") and annotation.get("schema") == "profile":
            try:
                document = json.loads(example["text"].replace("{{ ucp_version }}", VERSION))
            except ValueError:
                continue  # Parts are left out of it.
            if "keys" in document:
                found[ROLES[annotation["def"]]] = document
    return found


PROFILES: Final = _profiles()


@pytest.mark.parametrize("role", [BUSINESS, PLATFORM])
def test_a_profile_of_the_specification_keeps_the_rules(role: str) -> None:
    # The directory in these visits is another party's.
    visit = visited(PROFILES[role], URLS[role], leaves={}, directory=None)
    worse = [finding.rule for finding in findings(examined(visit)) if finding.verdict != OK]
    # Whom older platforms are to serve, publishes signing_keys, too: our own choice.
    assert worse == (["key-lists"] if role == BUSINESS else [])
