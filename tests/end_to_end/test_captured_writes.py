"""Whoever captured a write can send it again, whenever and changed as they like: it runs once.

Time passes for the gateway's clock and for all that the store keeps for a time; nobody waits.
"""

from __future__ import annotations

import copy
import uuid
from typing import TYPE_CHECKING, Final

import pytest

from canonical import content_digest
from tests.end_to_end.gateway import configuration
from tests.end_to_end.moved_gateway import age, moved_gateway
from tests.end_to_end.platform import CHECKOUTS, Platform
from tests.end_to_end.refusals import check_never_forwarded
from tests.end_to_end.test_older_schemes import BODY, MAKE, PLATFORMS
from tests.store_servers import running_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Draft
    from tests.store_servers import StoreServer

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
SIGNER: Final = Platform("https://signer.example/ucp", "signer")


def _timed() -> Draft:
    return SIGNER.signed("POST", CHECKOUTS, BODY)


def _untimed() -> Draft:
    return SIGNER.sign(SIGNER.draft("POST", CHECKOUTS, BODY), created=None)


CAPTURED: Final[dict[str, Callable[[], Draft]]] = {
    "with created": _timed,
    "without times": _untimed,
    "detached jws": lambda: MAKE["detached-jws"](PLATFORMS["detached-jws"]),
    "talos": lambda: MAKE["talos"](PLATFORMS["talos"]),
}
AGED: Final = {
    # Minutes later: all that is signed with a time of its own and must be fresh has gone stale.
    10 * _MINUTE: {"talos": "signature_invalid"},
    # The answer has ended, two days after it was given.
    48 * _HOUR + _MINUTE: {
        "with created": "signature_invalid",
        "without times": "answer_not_replayable",
        "detached jws": "answer_not_replayable",
        "talos": "signature_invalid",
    },
    # And as long as it is remembered that there was one.
    29 * _DAY: {
        "with created": "signature_invalid",
        "without times": "answer_not_replayable",
        "detached jws": "answer_not_replayable",
        "talos": "signature_invalid",
    },
}
"""By seconds since the capture: what the same octets are told; a replay where nothing is named."""


def _other_key(draft: Draft) -> None:
    draft.put("Idempotency-Key", str(uuid.uuid4()))


def _other_method(draft: Draft) -> None:
    """Ask for another operation, and so with another target too."""
    draft.method, draft.target = "PUT", f"{CHECKOUTS}/chk_1"


def _other_target(draft: Draft) -> None:
    draft.target = "/ucp/v1/carts"


def _other_query(draft: Draft) -> None:
    draft.target += "?again=1"


def _other_body(draft: Draft) -> None:
    draft.body = BODY.replace(b"1.0", b"9.0")
    if draft.values("Content-Digest"):
        draft.put("Content-Digest", content_digest(draft.body))


def _other_spelling(draft: Draft) -> None:
    """Say the same in other octets of the same number."""
    draft.body = BODY.replace(b'": ', b'" :')
    if draft.values("Content-Digest"):
        draft.put("Content-Digest", content_digest(draft.body))


CHANGES: Final = (
    _other_key,
    _other_method,
    _other_target,
    _other_query,
    _other_body,
    _other_spelling,
)
# Talos signs what a body says, and not the octets that a key stands for.
_CONFLICTS: Final = {("talos", _other_spelling)}


@pytest.fixture(scope="module")
def module_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StoreServer]:
    with running_server(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def store(module_store: StoreServer) -> StoreServer:
    module_store.ask("FLUSHALL")
    return module_store


def _settings(merchant: Merchant, store: StoreServer, platform: Platform) -> dict[str, object]:
    older = [each.registration(schemes=["rfc9421", name]) for name, each in PLATFORMS.items()]
    registered = [platform.registration(), SIGNER.registration(), *older]
    shop = merchant.settings(platforms={"registered": registered})
    return configuration(shop, store={"url": store.url})


def _code(gateway: RunningGateway, draft: Draft) -> str:
    """Return the code of the refusal, ``replay`` for a recorded answer, ``executed`` for a new."""
    answer = gateway.ask(draft.wire())
    if answer.status != 200:
        return str(answer.document()["code"])
    return "replay" if answer.values("Idempotent-Replayed") == ["true"] else "executed"


def _changed(draft: Draft, change: Callable[[Draft], None]) -> Draft:
    changed = copy.deepcopy(draft)
    change(changed)
    return changed


def test_a_captured_write_runs_once_however_late_and_however_changed(
    merchant: Merchant, store: StoreServer, platform: Platform, tmp_path: Path
) -> None:
    settings = _settings(merchant, store, platform)
    captured = {name: make() for name, make in CAPTURED.items()}
    with moved_gateway(tmp_path / "0", settings, 0) as gateway:
        first = {name: gateway.ask(draft.wire()) for name, draft in captured.items()}
        assert {answer.status for answer in first.values()} == {200}
        for name, draft in captured.items():
            again = gateway.ask(draft.wire())
            assert again.values("Idempotent-Replayed") == ["true"]
            assert again.body == first[name].body
            for change in CHANGES:
                expected = (
                    "idempotency_conflict" if (name, change) in _CONFLICTS else "signature_invalid"
                )
                assert _code(gateway, _changed(draft, change)) == expected, (name, change)
        check_never_forwarded(gateway, merchant, platform, before=len(captured))

    before, passed = len(captured) + 1, 0
    for later, codes in AGED.items():
        age(store, later - passed)
        passed = later
        with moved_gateway(tmp_path / str(later), settings, later) as gateway:
            for name, draft in captured.items():
                assert _code(gateway, draft) == codes.get(name, "replay"), (later, name)
                for change in CHANGES:
                    told = _code(gateway, _changed(draft, change))
                    assert told not in ("executed", "replay"), (later, name, change)
            assert len(merchant.requests) == before
            # The gateway does let through what is signed by then.
            fresh = SIGNER.draft("POST", CHECKOUTS, BODY)
            assert gateway.ask(SIGNER.sign(fresh, created=None).wire()).status == 200
            before += 1
            assert len(merchant.requests) == before
