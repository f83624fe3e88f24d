"""What the gateway itself publishes keeps every rule that ``doctor`` knows."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from typing import TYPE_CHECKING, Any, Final

import pytest

from connector.diagnosis.doctor.examination import Examination, examine
from connector.diagnosis.doctor.facts import BUSINESS
from connector.diagnosis.doctor.finding import OK
from connector.diagnosis.doctor.visiting import visit
from connector.egress.fetch import Fetcher
from connector.egress.urls import normalise
from tests.connector.egress.loopback import DivertingNetwork, resolving_to
from tests.connector.upstream.certificates import Authority
from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.merchant import AUTHORITY, PROFILE_PATH
from tests.end_to_end.raw_server import answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant

URL: Final = f"https://{AUTHORITY}{PROFILE_PATH}"
OLDER: Final = "2026-04-08"
LEAF_PATH: Final = f"{PROFILE_PATH}/{OLDER}"


def profile(version: str, **more: Any) -> dict[str, Any]:
    endpoint = {
        "version": version,
        "transport": "rest",
        "endpoint": f"https://{AUTHORITY}/ucp/v1",
        "schema": "https://ucp.dev/services/shopping/rest.openapi.json",
    }
    services = {"dev.ucp.shopping": [endpoint]}
    return {"ucp": {"version": version, "services": services, "payment_handlers": {}, **more}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("doctor")


@pytest.fixture(scope="module")
def gateway(module_merchant: Merchant, folder: Path) -> Iterator[RunningGateway]:
    Authority(folder).server(AUTHORITY)
    (chain,) = folder.glob(f"{AUTHORITY}-*.pem")
    (folder / "older.json").write_text(json.dumps(profile(OLDER)))
    older = {OLDER: f"https://{AUTHORITY}{LEAF_PATH}"}
    current = profile("2026-08-25", supported_versions=older)
    module_merchant.script[PROFILE_PATH] = answer(json.dumps(current).encode())
    shop = module_merchant.settings(profile={"leaves": {LEAF_PATH: "older.json"}})
    tls = {"certificate": chain.name, "key": chain.name}
    with running_gateway(folder, configuration(shop, listen={"tls": tls})) as running:
        yield running


async def examined(gateway: RunningGateway, folder: Path, url: str) -> Examination:
    fetcher = Fetcher(
        resolve=resolving_to("93.184.216.34"),
        tls=ssl.create_default_context(cafile=str(folder / "authority.pem")),
        max_document=256 * 1024,
        connect_timeout=10.0,
        timeout=30.0,
        network=DivertingNetwork(gateway.address[1]),
    )
    brought = await visit(fetcher, normalise(url), clock=time.time)
    return examine(url, brought, BUSINESS)


@pytest.mark.parametrize("url", [URL, f"https://{AUTHORITY}{LEAF_PATH}"], ids=["current", "older"])
def test_nothing_is_wrong_with_what_we_publish(
    url: str, gateway: RunningGateway, folder: Path
) -> None:
    examination = asyncio.run(examined(gateway, folder, url))
    worse = {
        (finding.rule, finding.saw)
        for section in examination.sections
        for finding in section.findings
        if finding.verdict != OK
    }
    # The test's certificate is valid for a day; an older version is at a path of its own.
    assert {rule for rule, _ in worse} == {"tls"} | ({"url"} if url != URL else set())
