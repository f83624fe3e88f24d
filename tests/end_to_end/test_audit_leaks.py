"""No card number, name, address, token or cookie is in anything that a gateway writes down."""

from __future__ import annotations

import json
import shutil
import sys
from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote

import pytest

from connector.audit.redaction import EvidenceSealer
from tests.end_to_end import audit_log
from tests.end_to_end.gateway import RunningGateway, configuration, running_gateway
from tests.end_to_end.leaks import leaks, octets_below
from tests.end_to_end.merchant import AUTHORITY, Merchant
from tests.end_to_end.platform import CHECKOUTS, Draft, Platform, covered
from tests.end_to_end.raw_server import RawServer, Seen, Visit, answer, nobody
from tests.end_to_end.test_older_schemes import detached, talos

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

S: Final = {
    "card": "4111111111111111",
    "e-mail": "buyer.private@example.org",
    "name": "Wilhelmina Featherstonehaugh",
    "name with accents": "Zoë Łukasiewicz-Ñandú",
    "street": "Rue de la Fontaine 27b",
    "telephone": "+49-30-5550-1234567",
    "bearer": "bearer-0f9e8d7c6b5a",
    "basic": "basic-user:basic-Passw0rd",
    "cookie": "session-1a2b3c4d5e6f",
    "api key": "api-key-sk_live_51H8x",
    "id": "chk_9z8y7x6w5v4u",
    "query name": "query-name-2w3e4r5t",
    "query value": "query-value-5t6r7e8w",
    "own header": "own-header-1q2w3e4r",
    "header name": "odd-name-6h7j8k9l",
    "idempotency key": "idempotency-key-7u8i9o0p",
    "nonce": "nonce-3e4r5t6z7u",
    "tag": "tag-of-8u7z6t5r",
    "label": "label-4r5t6z7u8i",
    "keyid": "keyid-of-a-stranger-9i8u",
    "address": "203.0.113.77",
    "address of IPv6": "2001:db8::feed:77",
    "shop body": "merchant-body-3d4f5g6h",
    "shop cookie": "merchant-cookie-9j8h7g",
    "shop header": "merchant-header-2s3d4f",
    "shop phrase": "merchant-phrase-5h6j7k",
    "profile path": "profile-path-8k7j6h5g",
    "profile body": "profile-body-1a9s8d7f",
}
"""What nobody may find."""
SAID: Final = {
    "card": S["card"],
    "email": S["e-mail"],
    "name": S["name"],
    "street": S["street"],
    "telephone": S["telephone"],
}
BODY: Final = json.dumps(SAID).encode()
ACCENTED: Final = json.dumps({**SAID, "name": S["name with accents"]}, ensure_ascii=False).encode()
QUERY: Final = (
    f"{S['query name']}={S['query value']}&email={quote(S['e-mail'])}"
    f"&name={quote(S['name with accents'])}&card={S['card']}"
)
EVIDENCE: Final = bytes(range(32))
HASTY: Final = "hasty.example.com"
OBSERVED: Final = "observed.example.com"
RATED: Final = "rated.example.com"
DOWN: Final = "down.example.com"
JWS: Final = Platform("https://jws.example/ucp", "jws-key")
TALOS: Final = Platform("https://talos.example/ucp", "talos-key")
RATE_LIMITED: Final = Platform("https://busy.example/ucp", "busy-key")
LIMITED: Final = Platform("https://limited.example/ucp", "limited-key")


class Ask(NamedTuple):
    """A request, and what it must be answered."""

    octets: bytes
    status: int | None
    """None: some refusal."""


class Told(NamedTuple):
    """All that a gateway has written down."""

    home: Path
    texts: dict[str, bytes]
    answered: dict[str, int]
    """The status of each answer, by its audit id."""
    sent: bytes


def _secretive(platform: Platform, method: str = "POST", authority: str = AUTHORITY) -> Draft:
    """Draft a request that has a secret wherever one can be and the request still verifies."""
    target = f"{CHECKOUTS}/{S['id']}" + ("/complete" if method == "POST" else "")
    draft = platform.draft(method, f"{target}?{QUERY}", ACCENTED if method != "GET" else b"")
    return _with_headers(draft.put("Host", authority))


def _with_headers(draft: Draft) -> Draft:
    basic = b64encode(S["basic"].encode()).decode()
    draft.add("Authorization", f"Bearer {S['bearer']}").add("Proxy-Authorization", f"Basic {basic}")
    draft.add("Cookie", f"session={S['cookie']}").add("From", S["e-mail"])
    draft.add("X-Api-Key", S["api key"]).add("X-Own", S["own header"])
    draft.add(f"X-{S['header name']}", S["name"]).add("Referer", f"https://a.example/?{QUERY}")
    return draft.add("X-Forwarded-For", S["address"])


def _signed(platform: Platform, method: str = "POST", authority: str = AUTHORITY) -> Draft:
    return platform.sign(_secretive(platform, method, authority), nonce=S["nonce"])


def _keyed(draft: Draft, suffix: str) -> Draft:
    return draft.put("Idempotency-Key", f"{S['idempotency key']}-{suffix}")


def _accepted(platform: Platform, profiles: RawServer) -> Iterator[Ask]:
    """Yield what verifies, what repeats it, and what is sent although it does not."""
    for method in ("GET", "PUT", "POST"):
        draft = _keyed(_secretive(platform, method), method.lower())
        octets = platform.sign(draft, nonce=S["nonce"]).wire()
        yield Ask(octets, 200)
        yield Ask(octets, 200)
    for address in (S["address of IPv6"], f"{S['address']}x, {S['e-mail']}"):
        yield Ask(_signed(platform, "GET").put("X-Forwarded-For", address).wire(), 200)
    draft = _secretive(platform)
    components = [*covered(draft), "authorization", "cookie", "x-own", f"x-{S['header name']}"]
    yield Ask(platform.sign(draft, components).wire(), 200)
    for draft in (detached(JWS, CHECKOUTS, BODY), talos(TALOS, BODY, SAID)):
        octets = _with_headers(draft).wire()
        yield Ask(octets, 200)
        yield Ask(octets, 200)
    discovered = Platform(f"{profiles.origin}/good")
    profiles.script["/good"] = answer(discovered.profile(note=S["profile body"]))
    yield Ask(_signed(discovered).wire(), 200)
    for draft in (
        _secretive(platform, "GET", OBSERVED),
        _keyed(_secretive(platform, "POST", OBSERVED), "observed"),
        _signed(Platform(platform.profile_url, S["keyid"]), "PUT", OBSERVED),
        _secretive(platform, "PUT", OBSERVED).put("UCP-Agent", f'profile="{S["own header"]}"'),
        _secretive(platform, "POST", OBSERVED).add("Signature-Input", S["label"]),
    ):
        yield Ask(draft.wire(), 200)
    for _ in range(2):
        yield Ask(_signed(RATE_LIMITED, "PUT", RATED).wire(), 200)


def _refused(platform: Platform, profiles: RawServer) -> Iterator[Ask]:
    """Yield what is refused, at every step there is."""
    yield from _refused_on_the_wire(platform)
    yield from _refused_for_its_signature(platform)
    yield from _refused_for_its_profile(profiles)
    yield Ask(_signed(LIMITED).wire(), 403)
    once = _keyed(_secretive(platform, "PUT"), "twice")
    yield Ask(platform.sign(once).wire(), 200)
    twice = _keyed(platform.draft("PUT", once.target, BODY), "twice")
    yield Ask(platform.sign(_with_headers(twice)).wire(), None)
    yield Ask(_signed(RATE_LIMITED).wire(), 200)
    yield Ask(_signed(RATE_LIMITED).wire(), 429)
    for method in ("GET", "POST"):
        yield Ask(_signed(platform, method, DOWN).wire(), 502)
    for target in ("odd", "broken", "silent"):
        for method in ("GET", "PUT"):
            draft = platform.draft(
                method, f"{CHECKOUTS}/{target}", BODY if method == "PUT" else b""
            )
            draft.put("Host", HASTY)
            yield Ask(platform.sign(_with_headers(draft)).wire(), None)
    yield Ask(detached(JWS, f"{CHECKOUTS}/{S['id']}/complete", BODY).wire(), 403)
    for draft in (detached(JWS, CHECKOUTS, BODY), talos(TALOS, BODY, SAID)):
        draft.body = BODY.replace(b"4111", b"4222")
        yield Ask(_with_headers(draft).wire(), 401)
    yield Ask(detached(platform, CHECKOUTS, BODY).wire(), 401)
    yield Ask(_with_headers(detached(JWS)).put("Request-Signature", S["bearer"]).wire(), 401)


def _refused_on_the_wire(platform: Platform) -> Iterator[Ask]:
    changes: tuple[Callable[[Draft], Draft], ...] = (
        lambda draft: draft.put("Host", f"{S['header name']}.example.com"),
        lambda draft: draft.put("Host", f"{S['header name']} {S['own header']}"),
        lambda draft: draft.add("Host", S["own header"]),
        lambda draft: draft.add(f"X {S['header name']}", "1"),
        lambda draft: draft.add("X-Bad", f"{S['own header']}\x01"),
        lambda draft: draft.add("X-Long", f"{S['own header']}" * 2000),
        lambda draft: draft.put("Transfer-Encoding", S["own header"]),
        lambda draft: draft.put("Content-Length", S["card"]),
        lambda draft: draft.put("Content-Type", f"text/{S['own header']}"),
        lambda draft: draft.put("Content-Encoding", S["own header"]),
        lambda draft: draft.put("Expect", S["own header"]),
    )
    for change in changes:
        yield Ask(change(_signed(platform)).wire(), None)
    for target in (
        f"/{S['id']}/{S['e-mail']}?{QUERY}",
        f"{CHECKOUTS}/{S['id']}/{S['own header']}?{QUERY}",
        f"{CHECKOUTS}/{quote(S['e-mail'])}?{QUERY}",
        f"{CHECKOUTS}/{quote(S['name with accents'])}",
        f"{CHECKOUTS}/{S['id']}//{S['own header']}",
        f"{CHECKOUTS}/{S['id']}/../{S['card']}",
        f"{CHECKOUTS}/{S['id']};{S['e-mail']}",
        f"https://{S['bearer']}@{AUTHORITY}{CHECKOUTS}/{S['id']}?{QUERY}",
    ):
        retargeted = _signed(platform, "PUT")
        retargeted.target = target
        yield Ask(retargeted.wire(), None)
    odd = _signed(platform)
    odd.method = S["own header"].upper().replace("-", "")
    yield Ask(odd.wire(), None)


def _refused_for_its_signature(platform: Platform) -> Iterator[Ask]:
    yield Ask(_secretive(platform).wire(), 401)
    yield Ask(_signed(Platform(platform.profile_url, S["keyid"])).wire(), 401)
    yield Ask(_signed(Platform(platform.profile_url, S["e-mail"])).wire(), 401)
    yield Ask(_signed(Platform(platform.profile_url)).wire(), 401)
    changed = _signed(platform)
    changed.body += b" "
    yield Ask(changed.put("Content-Length", str(len(changed.body))).wire(), 400)
    longer = _signed(platform)
    longer.target += S["own header"]
    yield Ask(longer.wire(), 401)
    yield Ask(platform.sign(_secretive(platform), tag=S["tag"]).wire(), 401)
    yield Ask(platform.sign(_secretive(platform), ["@method", f"x-{S['header name']}"]).wire(), 401)
    yield Ask(platform.sign(_secretive(platform), label=S["label"], created=1).wire(), None)
    for name, value in (
        ("Signature-Input", f"sig1=({S['own header']}"),
        ("Signature-Input", f'sig1=("@{S["header name"]}");keyid="{S["keyid"]}"'),
        ("Signature-Input", f'{S["label"]}=("@method");keyid="{S["keyid"]}"'),
        ("Signature", f"sig1={S['own header']}"),
        ("Signature", f"sig1=:{b64encode(S['bearer'].encode()).decode()}:"),
        ("Content-Digest", f"sha-256=:{b64encode(S['card'].encode()).decode()}:"),
        ("Content-Digest", f"{S['own header']}="),
        ("UCP-Agent", f"{S['own header']}=?2"),
    ):
        yield Ask(_signed(platform).put(name, value).wire(), None)
    for value in (f"{S['idempotency key']},{S['e-mail']}", S["idempotency key"] * 20):
        yield Ask(platform.sign(_secretive(platform).put("Idempotency-Key", value)).wire(), None)
    yield Ask(platform.sign(_secretive(platform).drop("Idempotency-Key")).wire(), 400)


def _refused_for_its_profile(profiles: RawServer) -> Iterator[Ask]:
    path = f"/{S['profile path']}"
    secret = S["profile body"].encode()
    behaviours = {
        "/missing": answer(secret, f"404 {S['profile path']}"),
        "/html": answer(secret, "200 OK", ("Content-Type", f"text/{secret.decode()}")),
        "/no-json": answer(b'{"%b' % secret),
        "/no-profile": answer(b'{"ucp": {"version": "%b"}, "keys": "%b"}' % (secret, secret)),
        "/odd-key": answer(Platform().profile(keys=[{"kty": secret.decode(), "kid": S["keyid"]}])),
        "/moved": answer(secret, "302 Found", ("Location", f"/{secret.decode()}")),
        "/other-keys": answer(Platform().profile()),
    }
    for name, behaviour in behaviours.items():
        profiles.script[path + name] = behaviour
        yield Ask(_signed(Platform(f"{profiles.origin}{path}{name}", S["keyid"])).wire(), None)
    for url in (
        S["own header"],
        f"ftp://a.example{path}",
        f"https://{S['bearer']}@a.example{path}",
        f"https://10.0.0.1{path}?{S['query value']}",
        f"{profiles.origin}{path}?{S['query value']}#{S['tag']}",
    ):
        yield Ask(_signed(Platform(url)).wire(), None)


def _merchant_says(merchant: Merchant) -> None:
    """Have the merchant's answers be full of secrets, too."""
    lines = (
        ("Set-Cookie", f"session={S['shop cookie']}; Secure"),
        ("X-Shop", S["shop header"]),
        ("Location", f"/{S['shop header']}?{QUERY}"),
    )
    body = json.dumps({**SAID, "note": S["shop body"]}).encode()
    merchant.default = answer(body, f"200 {S['shop phrase']}", *lines)

    def broken(visit: Visit, _: Seen) -> None:
        visit.say(f"HTTP/1.1 {S['shop phrase']}\r\n{S['shop header']}\r\n".encode())
        visit.close()

    merchant.script[f"{CHECKOUTS}/broken"] = broken
    merchant.script[f"{CHECKOUTS}/silent"] = lambda visit, _: visit.wait_for_end()
    merchant.script[f"{CHECKOUTS}/odd"] = answer(body, f"999 {S['shop phrase']}", *lines)


def _settings(
    merchant: Merchant, platform: Platform, origin: str, audit: dict[str, Any]
) -> dict[str, Any]:
    older = [
        JWS.registration(schemes=["rfc9421", "detached-jws"]),
        TALOS.registration(schemes=["rfc9421", "talos"]),
    ]
    registered = [
        platform.registration(),
        RATE_LIMITED.registration(rates={"writes": "1/h"}),
        LIMITED.registration(operations=["get_order"]),
    ]

    def shop(name: str, authority: str, **more: Any) -> dict[str, Any]:
        platforms = {"registered": [*registered, *(older if name == "shop" else [])]}
        return merchant.settings(id=name, authorities=[authority], platforms=platforms, **more)

    return configuration(
        shop("shop", AUTHORITY),
        shop("observed", OBSERVED, enforcement={"signatures": "insecure_observe"}),
        shop("rated", RATED, enforcement={"rates": "observe"}),
        shop("hasty", HASTY, upstream={"response_timeout": "200ms"}),
        {
            "id": "down",
            "authorities": [DOWN],
            "upstream": {"url": origin},
            "platforms": {"registered": registered},
        },
        trusted_proxies=["127.0.0.1"],
        discovery={"insecure_allow_loopback_profiles": True},
        audit=audit,
    )


def _ask(gateway: RunningGateway, asks: Iterator[Ask], answered: dict[str, int]) -> bytes:
    sent, wrong = [], []
    for ask in asks:
        found = gateway.ask(ask.octets)
        right = found.status >= 400 if ask.status is None else found.status == ask.status
        if not right:
            wrong.append((gateway.decision(found), ask.octets))
        answered[found.value("Audit-ID")] = found.status
        sent.append(ask.octets)
    assert not wrong, wrong
    return b"\n".join(sent)


@pytest.fixture(scope="module", params=["with evidence", "without evidence"])
def told(
    request: pytest.FixtureRequest, platform: Platform, tmp_path_factory: pytest.TempPathFactory
) -> Told:
    """Have a gateway do all that it can with the secrets, and take what it has written down."""
    home = tmp_path_factory.mktemp("gateway")
    key = {"evidence_key": b64encode(EVIDENCE).decode()}
    audit = key if request.param == "with evidence" else {}
    answered: dict[str, int] = {}
    with Merchant() as merchant, RawServer() as profiles, nobody() as origin:
        _merchant_says(merchant)
        settings = _settings(merchant, platform, origin, audit)
        errors = ["the audit log cannot be written"]
        with running_gateway(home, settings, errors=errors) as gateway:
            sent = _ask(gateway, _accepted(platform, profiles), answered)
            sent += _ask(gateway, _refused(platform, profiles), answered)
            if sys.platform == "linux":
                audit_log.limit_files(gateway, 0)
                sent += _ask(gateway, iter([Ask(_signed(platform).wire(), 503)]), answered)
                audit_log.limit_files(gateway, None)
                gateway.await_ready()
            pages = ("/metrics", "/readyz", "/livez")
            shown = b"".join(gateway.admin(path).body for path in pages)
            assert gateway.stop() == 0
            texts = {
                "standard output": "".join(gateway.stdout).encode(),
                "standard error": "".join(gateway.stderr).encode(),
                "the operator's pages": shown,
                "the audit log": octets_below(home / "audit"),
                "the audit log's keys": octets_below(home / "audit-keys"),
            }
        received = b"\n".join(octets for seen in merchant.requests for octets in seen)
        # It has come as far as it could: the merchant knows what it was sent.
        assert set(leaks(received, S)) >= {"card", "name with accents", "cookie", "nonce"}
    return Told(home, texts, answered, sent)


def test_no_secret_is_in_what_is_written_down(told: Told) -> None:
    assert {name: leaks(octets, S) for name, octets in told.texts.items()} == {
        name: [] for name in told.texts
    }
    assert all(told.texts[name] for name in told.texts if name != "standard error")


def test_all_secrets_were_sent_and_every_request_is_in_the_log(told: Told) -> None:
    elsewhere = {name for name in S if name.startswith("shop ") or name == "profile body"}
    assert set(leaks(told.sent, S)) == set(S) - elsewhere
    found = {each["audit_id"] for each in audit_log.whole(told.home) if "audit_id" in each}
    assert found == set(told.answered)
    assert {200, 400, 401, 403, 429, 502, 504} <= set(told.answered.values())


def test_what_was_signed_is_there_for_whoever_has_the_key(told: Told) -> None:
    sealer, opened = EvidenceSealer(EVIDENCE), []
    for each in audit_log.records(told.home):
        base = each.get("signature", {}).get("base")
        if base is not None:
            opened.append(sealer.open(each["audit_id"], base))
    if "evidence_key" not in (told.home / "connector.yaml").read_text():
        assert opened == []
    else:
        assert set(leaks(b"\n".join(opened), S)) >= {
            "query value",
            "e-mail",
            "nonce",
            "id",
            "cookie",
            "bearer",
        }


SPELLED: Final[dict[str, Callable[[bytes], bytes]]] = {
    "as it is": lambda octets: octets,
    "in capitals": lambda octets: octets.decode().upper().encode(),
    "percent-encoded": lambda octets: "".join(f"%{each:02X}" for each in octets).encode(),
    "as a URL has it": lambda octets: quote(octets, safe="").encode(),
    "with JSON's escapes": lambda octets: "".join(
        f"\\u{ord(each):04x}" for each in octets.decode()
    ).encode(),
    "base64": b64encode,
    "base64url": urlsafe_b64encode,
    "within base64": lambda octets: b64encode(b"user=" + octets + b"; path=/"),
    "base64 of a URL": lambda octets: b64encode(quote(octets, safe="").encode()),
    "hex": lambda octets: octets.hex().encode(),
}


@pytest.mark.parametrize("spelling", SPELLED)
def test_secrets_in_a_copy_of_the_log_are_found(spelling: str, told: Told, tmp_path: Path) -> None:
    copy = tmp_path / "audit"
    shutil.copytree(told.home / "audit", copy)
    (bundle, *_) = (copy / "0" / "tile" / "entries").glob("000*/*")
    records = bundle.read_bytes().split(b"}")
    for at, secret in enumerate(S.values(), 1):
        records.insert(2 * at, b'"' + SPELLED[spelling](secret.encode()) + b'"')
    bundle.write_bytes(b"}".join(records))
    assert leaks(octets_below(copy), S) == sorted(S)


def test_one_secret_in_a_copy_of_the_log_is_found(told: Told, tmp_path: Path) -> None:
    copy = tmp_path / "audit"
    shutil.copytree(told.home / "audit", copy)
    (segment,) = (copy / "0" / "segments").glob("*.log")
    with segment.open("ab") as file:
        file.write(S["e-mail"].encode())
    assert leaks(octets_below(copy), S) == ["e-mail"]
