"""What goes back is signed, and another implementation verifies it with the published keys."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from http_message_signatures import HTTPMessageSignaturesException, InvalidSignature

from tests.end_to_end.answer_oracle import keys_in, verified
from tests.end_to_end.gateway import configuration, running_gateway
from tests.end_to_end.merchant import AUTHORITY, PROFILE, PROFILE_PATH
from tests.end_to_end.platform import CHECKOUTS, ORDERS, Draft
from tests.end_to_end.raw_server import answer
from tests.end_to_end.refusals import check_refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.end_to_end.client import Answer
    from tests.end_to_end.gateway import RunningGateway
    from tests.end_to_end.merchant import Merchant
    from tests.end_to_end.platform import Platform

pytestmark = pytest.mark.usefixtures("merchant")  # nothing scripted remains from another test

BOUND: Final = "bound.example.com"
SILENT: Final = "silent.example.com"
LEAF_PATH: Final = "/.well-known/more.json"
DIRECTORY: Final = "/.well-known/http-message-signatures-directory"
OF_BODY: Final = ['"@status"', '"content-digest"', '"content-type"']
OF_REQUEST: Final = ['"@method";req', '"@authority";req', '"@path";req']
OTHER_KEY: Final = {
    "kty": "EC",
    "crv": "P-256",
    "kid": "merchants-own",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def gateway(
    module_merchant: Merchant, platform: Platform, folder: Path
) -> Iterator[RunningGateway]:
    platforms = {"registered": [platform.registration()]}
    (folder / "leaf.json").write_text(json.dumps({"leaf": "ä", "keys": [OTHER_KEY]}))
    shop = module_merchant.settings(
        platforms=platforms, profile={"leaves": {LEAF_PATH: "leaf.json"}}
    )
    bound = module_merchant.settings(
        id="bound",
        authorities=[BOUND],
        platforms=platforms,
        responses={"bind_request": True},
        signing={"keys": "bound-keys.json"},
    )
    silent = module_merchant.settings(
        id="silent", authorities=[SILENT], platforms=platforms, responses={"sign": False}
    )
    with running_gateway(folder, configuration(shop, bound, silent)) as running:
        for authority in (AUTHORITY, BOUND, SILENT):
            while running.ask(document(PROFILE_PATH, authority).wire()).status == 502:
                pass
        yield running


def document(path: str, authority: str = AUTHORITY, method: str = "GET") -> Draft:
    return Draft(method, path).add("Host", authority)


def published(gateway: RunningGateway, authority: str = AUTHORITY) -> list[dict[str, Any]]:
    """Fetch the profile as any platform does, and return the keys in it."""
    return keys_in(gateway.ask(document(PROFILE_PATH, authority).wire()).body)


def signed_for(
    platform: Platform, authority: str, target: str = f"{ORDERS}/1", label: str = "sig1"
) -> Draft:
    draft = platform.draft("GET", target).put("Host", authority)
    return platform.sign(draft, label=label)


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", f"{ORDERS}/1", b""),
        ("GET", f"{ORDERS}/1?a=%20&b", b""),
        ("POST", CHECKOUTS, b'{"a": 1}'),
    ],
)
def test_an_answer_verifies_with_the_key_in_the_profile(
    method: str, target: str, body: bytes, gateway: RunningGateway, platform: Platform
) -> None:
    draft = platform.signed(method, target, body)
    answered = gateway.ask(draft.wire())
    found = verified(answered, draft, published(gateway))
    assert answered.status == 200
    assert found.components == OF_BODY
    assert found.parameters.keys() == {"created", "keyid"}
    assert answered.value("Signature").startswith("sig1=:")
    assert answered.value("Cache-Control") == "no-transform"


def test_an_altered_answer_does_not_verify(gateway: RunningGateway, platform: Platform) -> None:
    draft = platform.signed()
    answered = gateway.ask(draft.wire())
    keys = published(gateway)
    swapped = [
        (name, b"text/plain" if name == b"Content-Type" else value)
        for name, value in answered.lines
    ]
    for altered in (
        answered._replace(status=201),
        answered._replace(body=answered.body + b" "),
        answered._replace(lines=swapped),
    ):
        with pytest.raises((HTTPMessageSignaturesException, InvalidSignature)):
            verified(altered, draft, keys)


def test_an_answer_without_a_body_covers_its_status_alone(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    head = b"HTTP/1.1 204 No Content\r\nContent-Type: application/json\r\n\r\n"
    merchant.script[f"{ORDERS}/1"] = lambda visit, _: visit.say(head)
    draft = platform.signed()
    answered = gateway.ask(draft.wire())
    assert answered.status == 204
    assert verified(answered, draft, published(gateway)).components == ['"@status"']
    assert answered.values("Content-Digest") == []


@pytest.mark.parametrize(
    ("target", "label", "more"),
    [
        (f"{ORDERS}/1", "sig1", ['"signature";req;key="sig1"']),
        (f"{ORDERS}/1?q=1", "other", ['"@query";req', '"signature";req;key="other"']),
    ],
)
def test_a_bound_answer_covers_what_was_asked(
    target: str, label: str, more: list[str], gateway: RunningGateway, platform: Platform
) -> None:
    draft = signed_for(platform, BOUND, target, label)
    answered = gateway.ask(draft.wire())
    keys = published(gateway, BOUND)
    assert answered.status == 200
    assert verified(answered, draft, keys, authority=BOUND).components == [
        *OF_BODY,
        *OF_REQUEST,
        *more,
    ]
    elsewhere = signed_for(platform, BOUND, f"{ORDERS}/2", label)
    with pytest.raises((HTTPMessageSignaturesException, InvalidSignature)):
        verified(answered, elsewhere, keys, authority=BOUND)


def test_a_bound_answer_names_the_signature_that_verified(
    gateway: RunningGateway, platform: Platform
) -> None:
    """Beside another one in the same headers, whose label it must not name."""
    draft = platform.draft().put("Host", BOUND)
    given, value = platform.signature(draft, label="ours")
    draft.add("Signature-Input", f'x=("@method");created=1;keyid="k";tag="t", {given}')
    draft.add("Signature", f"x=:AAAA:, {value}")
    answered = gateway.ask(draft.wire())
    found = verified(answered, draft, published(gateway, BOUND), authority=BOUND)
    assert found.components[-1] == '"signature";req;key="ours"'


def test_merchants_with_their_own_keys_publish_no_others(gateway: RunningGateway) -> None:
    kids = [[key["kid"] for key in published(gateway, each)] for each in (AUTHORITY, BOUND)]
    assert [len(each) for each in kids] == [1, 1]
    assert kids[0] != kids[1]


def test_a_refusal_after_the_verification_is_signed(
    gateway: RunningGateway, platform: Platform
) -> None:
    draft = platform.signed(target="/ucp/v1/no-such-thing")
    answered = gateway.ask(draft.wire())
    check_refusal(answered, "unknown_operation")
    assert verified(answered, draft, published(gateway)).components == OF_BODY


def test_a_refusal_before_it_is_not(gateway: RunningGateway, platform: Platform) -> None:
    stranger = Draft("GET", f"{ORDERS}/1").add("Host", AUTHORITY)
    tampered = platform.signed()
    tampered.target = f"{ORDERS}/2"
    malformed = platform.signed().add("Host", AUTHORITY)
    for draft, code in (
        (stranger, "signature_missing"),
        (tampered, "signature_invalid"),
        (malformed, "malformed_request"),
    ):
        answered = gateway.ask(draft.wire())
        check_refusal(answered, code)
        check_unsigned(answered)


def check_unsigned(answered: Answer) -> None:
    for name in ("Signature", "Signature-Input", "Content-Digest"):
        assert answered.values(name) == []


def test_where_nothing_is_signed_nothing_is_published(
    gateway: RunningGateway, platform: Platform
) -> None:
    answered = gateway.ask(signed_for(platform, SILENT).wire())
    assert answered.status == 200
    check_unsigned(answered)
    assert gateway.ask(document(PROFILE_PATH, SILENT).wire()).body == PROFILE
    check_refusal(gateway.ask(document(DIRECTORY, SILENT).wire()), "unknown_operation")


def test_what_the_merchant_signs_itself_is_removed_in_every_spelling(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    forged = [
        (name, "sig1=:AA==:")
        for name in ("Signature", "SIGNATURE-INPUT", "signature_input", "Content_Digest")
    ]
    for authority in (AUTHORITY, SILENT):
        merchant.script[f"{ORDERS}/1"] = answer(
            b"{}", "200 OK", *forged, ("Cache-Control", "max-age=5")
        )
        draft = signed_for(platform, authority)
        answered = gateway.ask(draft.wire())
        assert not [value for _, value in answered.lines if value == b"sig1=:AA==:"]
        if authority == AUTHORITY:
            verified(answered, draft, published(gateway))
            assert answered.value("Cache-Control") == "max-age=5, no-transform"


def _metric(gateway: RunningGateway, reason: str) -> float:
    name = f'ucp_connector_unsigned_answers_total{{merchant="shop",reason="{reason}"}} '
    for line in gateway.admin("/metrics").body.decode().splitlines():
        if line.startswith(name):
            return float(line.removeprefix(name))
    return 0.0


def test_a_streamed_answer_is_counted_not_signed(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    merchant.script[f"{ORDERS}/1"] = answer(b"x" * ((1 << 20) + 1))
    before = _metric(gateway, "streamed")
    answered = gateway.ask(platform.signed().wire())
    assert answered.status == 200
    check_unsigned(answered)
    assert _metric(gateway, "streamed") == before + 1


def test_a_body_of_no_named_kind_is_counted_not_signed(
    gateway: RunningGateway, merchant: Merchant, platform: Platform
) -> None:
    octets = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    merchant.script[f"{ORDERS}/1"] = lambda visit, _: visit.say(octets)
    before = _metric(gateway, "no_content_type")
    answered = gateway.ask(platform.signed().wire())
    assert (answered.status, answered.body) == (200, b"{}")
    check_unsigned(answered)
    assert _metric(gateway, "no_content_type") == before + 1


def test_the_profile_keeps_all_that_is_the_merchants(gateway: RunningGateway) -> None:
    answered = gateway.ask(document(PROFILE_PATH).wire())
    found = answered.document()
    ours = {name: found.pop(name) for name in ("keys", "signing_keys")}
    assert found == json.loads(PROFILE)
    assert ours["keys"] == ours["signing_keys"]
    (key,) = ours["keys"]
    assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert key["alg"] == "ES256"


def test_a_leaf_has_our_keys_beside_the_merchants(gateway: RunningGateway) -> None:
    found = gateway.ask(document(LEAF_PATH).wire()).document()
    assert found["leaf"] == "ä"
    for name in ("keys", "signing_keys"):
        assert found[name] == [OTHER_KEY, *published(gateway)]


def test_the_directory_proves_its_keys_to_whom_it_is_served(gateway: RunningGateway) -> None:
    draft = document(DIRECTORY)
    answered = gateway.ask(draft.wire())
    keys = keys_in(answered.body)
    tag = "http-message-signatures-directory"
    found = verified(answered, draft, keys, tag=tag)
    assert answered.status == 200
    assert answered.value("Content-Type") == f"application/{tag}+json"
    assert answered.value("Access-Control-Allow-Origin") == "*"
    assert found.components == ['"@authority";req', '"content-digest"']
    assert found.parameters["keyid"] == keys[0]["kid"] == published(gateway)[0]["kid"]
    assert found.parameters["expires"] > found.parameters["created"]
    with pytest.raises((HTTPMessageSignaturesException, InvalidSignature)):
        verified(answered, draft, keys, tag=tag, authority=BOUND)


def test_the_directory_is_signed_once_for_many(gateway: RunningGateway) -> None:
    answers = [gateway.ask(document(DIRECTORY).wire()) for _ in range(5)]
    # ECDSA signatures of one text differ: equal ones are one.
    assert len({each.value("Signature") for each in answers}) == 1


def test_the_directory_answers_head_and_says_what_is_current(gateway: RunningGateway) -> None:
    etag = gateway.ask(document(DIRECTORY).wire()).value("ETag")
    headed = gateway.ask(document(DIRECTORY, method="HEAD").wire(), "HEAD")
    assert (headed.status, headed.value("ETag")) == (200, etag)
    current = gateway.ask(document(DIRECTORY).add("If-None-Match", etag).wire())
    assert (current.status, current.body) == (304, b"")
    check_refusal(gateway.ask(document(f"{DIRECTORY}?x").wire()), "unknown_operation")


def test_the_key_file_is_its_owners_alone(gateway: RunningGateway, folder: Path) -> None:
    published(gateway)
    for name in ("keys.json", "bound-keys.json"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600


# Rotation: a gateway of its own, whose key file changes while it runs


@pytest.fixture
def own(module_merchant: Merchant, platform: Platform, tmp_path: Path) -> Iterator[RunningGateway]:
    shop = module_merchant.settings(platforms={"registered": [platform.registration()]})
    with running_gateway(tmp_path, configuration(shop)) as running:
        while running.ask(document(PROFILE_PATH).wire()).status == 502:
            pass
        yield running


def keys_command(folder: Path, *words: str) -> dict[str, Any]:
    config = str(folder / "connector.yaml")
    done = subprocess.run(  # noqa: S603 - our own interpreter and command
        [sys.executable, "-m", "connector.cli.main", "keys", *words, "-c", config, "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def signer(gateway: RunningGateway, platform: Platform) -> str:
    """Return the kid that signs, from an answer that verifies with the profile's keys."""
    draft = platform.signed()
    answered = gateway.ask(draft.wire())
    return str(verified(answered, draft, published(gateway)).parameters["keyid"])


def test_a_rotated_key_is_published_first_and_signs_later(
    own: RunningGateway, platform: Platform, tmp_path: Path
) -> None:
    (old,) = [key["kid"] for key in published(own)]
    etag = own.ask(document(PROFILE_PATH).wire()).value("ETag")
    rotated = keys_command(tmp_path, "rotate")
    (fresh,) = [key["kid"] for key in rotated["keys"] if key["kid"] != old]
    while len(published(own)) < 2:
        pass
    assert {key["kid"] for key in published(own)} == {old, fresh}
    assert {key["kid"] for key in keys_in(own.ask(document(DIRECTORY).wire()).body)} == {old, fresh}
    assert own.ask(document(PROFILE_PATH).wire()).value("ETag") != etag
    assert signer(own, platform) == old
    # What the command has planned comes to pass: five minutes from now are put into the past.
    path = tmp_path / "keys.json"
    stored = json.loads(path.read_text())
    for key in stored["keys"]:
        for name in {"published", "active", "retired"} & key.keys():
            key[name] -= 3600
    path.write_text(json.dumps(stored))
    own.process.send_signal(signal.SIGHUP)
    while signer(own, platform) == old:
        pass
    assert signer(own, platform) == fresh
    assert {key["kid"] for key in published(own)} == {old, fresh}


def test_a_revoked_key_is_gone_at_once_and_another_signs(
    own: RunningGateway, platform: Platform, tmp_path: Path
) -> None:
    (old,) = [key["kid"] for key in published(own)]
    keys_command(tmp_path, "revoke", old[:8])
    while old in {key["kid"] for key in published(own)}:
        pass
    assert signer(own, platform) != old


def test_a_bad_key_file_leaves_the_keys_that_were_read(
    own: RunningGateway, platform: Platform, tmp_path: Path
) -> None:
    (kid,) = [key["kid"] for key in published(own)]
    path = tmp_path / "keys.json"
    kept = path.read_bytes()
    secret = json.loads(kept)["keys"][0]["d"]
    path.chmod(0o644)
    line = own.warned("chmod 600")
    assert "the keys that were read before stay in use" in line
    assert signer(own, platform) == kid
    path.chmod(0o600)
    own.warned(f"{kid} signs, 1 keys are published")
    assert signer(own, platform) == kid
    everything = "".join([*own.stderr, *own.stdout])
    assert secret not in everything
    assert base64.urlsafe_b64decode(secret + "==").hex() not in everything
