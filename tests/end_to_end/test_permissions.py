"""The table that `check-config --permissions` prints, row by row, against a running gateway."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Final

import pytest

from connector.server.permissions import Cell, permissions
from connector.settings.registrations import RegistrationFiles
from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.platform import Draft, Platform
from tests.end_to_end.raw_server import RawServer, answer
from tests.end_to_end.test_older_schemes import detached_request

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant

PATHS: Final = {
    "create_checkout": ("POST", "/checkout-sessions"),
    "get_checkout": ("GET", "/checkout-sessions/1"),
    "update_checkout": ("PUT", "/checkout-sessions/1"),
    "complete_checkout": ("POST", "/checkout-sessions/1/complete"),
    "cancel_checkout": ("POST", "/checkout-sessions/1/cancel"),
    "create_cart": ("POST", "/carts"),
    "get_cart": ("GET", "/carts/1"),
    "update_cart": ("PUT", "/carts/1"),
    "cancel_cart": ("POST", "/carts/1/cancel"),
    "get_order": ("GET", "/orders/1"),
    "search_catalog": ("POST", "/catalog/search"),
    "lookup_catalog": ("POST", "/catalog/lookup"),
    "get_product": ("POST", "/catalog/product"),
    "gift_wrap": ("POST", "/gifts/1/wrap"),
    "remove_gift": ("DELETE", "/gifts/1"),
}
"""Written here from the rules (ucp-rules section 7); the last two are the configuration's own."""
EXTENSIONS: Final = [
    {"name": "gift_wrap", "method": "POST", "path": "/gifts/{id}/wrap", "kind": "write"},
    {"name": "remove_gift", "method": "DELETE", "path": "/gifts/{id}", "kind": "write"},
]
STATUS: Final = {
    "": 200,
    "operation_not_permitted": 403,
    "profile_not_trusted": 403,
    "signature_invalid": 401,
    "unknown_operation": 404,
}
OLDER: Final = ["rfc9421", "detached-jws"]
_TIER: Final = PATHS.keys() - {"cancel_cart", "search_catalog"}
_BODILESS: Final = {"get_checkout", "get_cart", "get_order", "remove_gift"}
PERMITTED: Final = {
    ("discovered", "rfc9421"): {"create_checkout", "get_checkout"},
    ("demoted", "rfc9421"): {"create_checkout", "get_checkout"},
    ("registered", "rfc9421"): _TIER,
    ("listed", "rfc9421"): {"get_order", "complete_checkout"},
    ("filed", "rfc9421"): {"create_cart", "gift_wrap"},
    ("january", "rfc9421"): {"get_checkout"},
    ("older", "rfc9421"): _TIER,
    ("older", "detached-jws"): _TIER - _BODILESS - {"complete_checkout"},
    ("bound", "rfc9421"): {"get_checkout", "get_cart", "complete_checkout"},
    ("bound", "detached-jws"): {"get_checkout", "get_cart", "complete_checkout"},
}
"""What the configuration below says, in words of its own: all else is refused."""
CLOSED: Final = "closed.example.com"
"""The authority of a merchant that serves registered platforms only."""


def platform_named(name: str) -> Platform:
    return Platform(f"https://{name}.example/.well-known/ucp", f"{name}-2026")


class Shop:
    """A gateway whose callers have all kinds of terms, and each of them."""

    def __init__(
        self, gateway: RunningGateway, merchant: Merchant, cells: list[Cell], closed: list[Cell]
    ) -> None:
        self.gateway = gateway
        self.merchant = merchant
        self.cells = cells
        self.closed = closed
        """Those of strangers at the merchant that serves none."""


@pytest.fixture(scope="module")
def callers() -> Iterator[dict[str, Platform]]:
    """Return a platform for each caller that the table names."""
    with RawServer() as host:
        stranger = Platform(f"{host.origin}/.well-known/ucp", "stranger-2026")
        host.default = answer(stranger.profile())
        names = ("registered", "listed", "filed", "older", "bound", "january", "demoted")
        yield {"discovered": stranger} | {name: platform_named(name) for name in names}


def configure(merchant: Merchant, callers: dict[str, Platform], folder: Path) -> dict[str, Any]:
    """Return a configuration, and write the registrations that stand in a file."""
    own: dict[str, dict[str, Any]] = {
        "registered": {},
        "listed": {"operations": ["get_order", "complete_checkout"]},
        "older": {"schemes": OLDER},
        "bound": {
            "schemes": OLDER,
            "allow_unbound_get": True,
            "allow_unbound_complete": True,
            "operations": ["get_checkout", "get_cart", "complete_checkout"],
        },
        "january": {"version": "2026-01-23", "operations": ["get_checkout", "get_cart"]},
        "demoted": {"tier": "discovered"},
    }
    listed = [callers[name].registration(**terms) for name, terms in own.items()]
    (folder / "platforms").mkdir()
    filed = callers["filed"].registration(operations=["create_cart", "gift_wrap"])
    (folder / "platforms" / "filed.yaml").write_text(json.dumps(filed))
    shop = merchant.settings(
        versions=["2026-08-25", "2026-01-23"],
        operations=EXTENSIONS,
        platforms={
            "registered": listed,
            "directory": "platforms",
            "discovered_operations": ["create_checkout", "get_checkout", "search_catalog"],
        },
    )
    closed = {
        **merchant.settings(operations=EXTENSIONS, platforms={"discovery": "registered"}),
        "id": "closed",
        "authorities": [CLOSED],
    }
    listed_for_all = [name for name in PATHS if name not in {"cancel_cart", "search_catalog"}]
    return configuration(
        shop,
        closed,
        discovery={"insecure_allow_loopback_profiles": True},
        tiers={
            "discovered": {"operations": ["create_checkout", "get_checkout", "get_order"]},
            "registered": {"operations": listed_for_all},
        },
    )


def tables(folder: Path) -> list[list[Cell]]:
    """Return what the command says of each merchant of the configuration in a folder."""
    loaded = RegistrationFiles().load(folder / "connector.yaml", {})
    return [list(permissions(loaded, each)) for each in loaded.settings.merchants]


@pytest.fixture(scope="module")
def shop(
    module_merchant: Merchant,
    callers: dict[str, Platform],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("gateway")
    settings = configure(module_merchant, callers, folder)
    with running_gateway(folder, settings) as gateway:
        cells, closed = tables(folder)
        strangers = [each for each in closed if each.caller == "discovered"]
        yield Shop(gateway, module_merchant, cells, strangers)


def request(platform: Platform, cell: Cell) -> Draft:
    """Sign what a cell is about."""
    method, path = PATHS[cell.operation]
    # No two alike: what a JWS over a body signed is good for one write.
    said = json.dumps({"id": str(uuid.uuid4())}).encode()
    body = b"" if method in ("GET", "DELETE") else said
    if cell.scheme == "detached-jws":
        return detached_request(platform, method, f"/ucp/v1{path}", body)
    return platform.signed(method, f"/ucp/v1{path}", body)


def call(platform: Platform, cell: Cell) -> Draft:
    """Sign the same as an MCP call."""
    message = {
        "jsonrpc": "2.0",
        "id": str(uuid.uuid4()),
        "method": "tools/call",
        "params": {"name": cell.operation, "arguments": {}},
    }
    draft = platform.draft("POST", "/ucp/mcp", json.dumps(message).encode())
    return platform.sign(draft.add("Accept", "application/json, text/event-stream"))


def caller_of(callers: dict[str, Platform], cell: Cell) -> Platform:
    by_profile = {each.profile_url: each for each in callers.values()}
    return by_profile.get(cell.caller) or callers[cell.caller]


def test_every_caller_and_operation_has_its_row_which_says_what_the_settings_mean(
    shop: Shop, callers: dict[str, Platform]
) -> None:
    names = {each.profile_url: name for name, each in callers.items()}
    rows = {
        (names.get(each.caller, each.caller), each.scheme, each.operation): not each.code
        for each in shop.cells
    }
    assert len(rows) == len(shop.cells)
    assert rows == {
        (*caller, operation): operation in permitted
        for caller, permitted in PERMITTED.items()
        for operation in PATHS
    }


def test_each_cell_is_answered_as_the_table_says_and_only_what_is_permitted_reaches_the_merchant(
    shop: Shop, callers: dict[str, Platform]
) -> None:
    assert {each.code for each in shop.cells} == STATUS.keys() - {"profile_not_trusted"}
    for cell in shop.cells:
        shop.merchant.forget()
        answered = shop.gateway.ask(request(caller_of(callers, cell), cell).wire())
        assert answered.status == STATUS[cell.code], cell
        assert len(shop.merchant.requests) == (not cell.code), cell
        if cell.code:
            assert answered.document()["code"] == cell.code, cell


def test_the_table_holds_for_calls_over_mcp(shop: Shop, callers: dict[str, Platform]) -> None:
    cells = [
        each for each in shop.cells if each.scheme == "rfc9421" and each.operation != "remove_gift"
    ]
    for cell in cells:
        shop.merchant.forget()
        answered = shop.gateway.ask(call(caller_of(callers, cell), cell).wire())
        assert answered.status == STATUS[cell.code], cell
        assert len(shop.merchant.requests) == (not cell.code), cell
        if cell.code:
            assert answered.document()["error"]["data"]["code"] == cell.code, cell


def test_where_discovery_is_closed_strangers_are_asked_for_nothing_and_their_host_neither(
    shop: Shop,
) -> None:
    assert {each.code for each in shop.closed} == {"profile_not_trusted"}
    shop.merchant.forget()
    with RawServer() as host:
        stranger = Platform(f"{host.origin}/.well-known/ucp", "late-2026")
        host.default = answer(stranger.profile())
        for cell in shop.closed:
            method, path = PATHS[cell.operation]
            draft = stranger.draft(method, f"/ucp/v1{path}").put("Host", CLOSED)
            answered = shop.gateway.ask(stranger.sign(draft).wire())
            assert answered.document()["code"] == cell.code
        assert shop.merchant.requests == host.requests == []
