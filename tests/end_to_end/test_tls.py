"""TLS that ends in the connector: the same request, and nothing without TLS."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from tests.connector.upstream.certificates import Authority
from tests.end_to_end.client import HOST, Connection
from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.platform import CHECKOUTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Platform


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the certificates are."""
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, folder: Path
) -> Iterator[RunningGateway]:
    authority = Authority(folder)
    authority.server(HOST)
    (chain,) = folder.glob(f"{HOST}-*.pem")
    shop = module_merchant.settings(platforms={"registered": [platform.registration()]})
    tls = {"certificate": chain.name, "key": chain.name}
    with running_gateway(folder, configuration(shop, listen={"tls": tls})) as running:
        yield running


def test_a_signed_request_over_tls_is_accepted(
    gateway: RunningGateway, merchant: Merchant, platform: Platform, folder: Path
) -> None:
    trusting = ssl.create_default_context(cafile=str(folder / "authority.pem"))
    body = b'{"filler": "%b"}' % (b"x" * 100_000)
    with Connection(gateway.address, trusting) as connection:
        for _ in range(3):
            answered = connection.exchange(platform.signed("POST", CHECKOUTS, body).wire())
            assert answered.status == 200
        assert connection.exchange(platform.draft().wire()).status == 401
    assert [seen.body for seen in merchant.requests] == [body] * 3
    assert merchant.requests[0].values("X-Forwarded-For") == [HOST]


def test_a_request_without_tls_is_not_answered(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    with gateway.connect() as connection:
        connection.send(platform.signed().wire())
        assert connection.has_ended()
    assert merchant.requests == []
