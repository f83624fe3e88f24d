"""The demo: a merchant, the gateway and a platform, and what the gateway decides.

One table shows what was sent, what was decided and why, and whether the answer was signed: those to
verified requests are, and the platform verifies them with the key in the merchant's profile.
Everything runs on loopback and in a temporary folder.
"""

from __future__ import annotations

import json
import shlex
import signal
import sys
import tempfile
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from canonical import CanonicalError
from connector.demo.answer_check import answer_signer, business_keys
from connector.demo.merchant import COUNT_PATH
from connector.demo.platform import PROFILE_PATH, Platform, Sent, new_private_jwk, send
from connector.demo.processes import HOST, Decisions, DemoError, choose_port, running

if TYPE_CHECKING:
    from collections.abc import Callable

ENDPOINT: Final = "/ucp/v1"
_ORDER: Final = {"line_items": [{"item": {"id": "bouquet_roses"}, "quantity": 1}]}
_LARGER: Final = {"line_items": [{"item": {"id": "bouquet_roses"}, "quantity": 2}]}
_PROFILE_LIMIT: Final = 30.0
# Answers to verified requests are signed, whatever was decided then.
_TO_VERIFIED: Final = ("accept", "replay", "idempotency_")
_PREFERRED_PORTS: Final = {"gateway": 8080, "admin": 9090, "merchant": 8182, "platform": 8183}


class Ports(NamedTuple):
    """Where each part of the demo listens."""

    gateway: int
    admin: int
    merchant: int
    platform: int


class Row(NamedTuple):
    """One line of the table."""

    sent: str
    expected: str
    decided: str
    answer: str
    why: str

    @property
    def good(self) -> bool:
        """Whether the decision is the expected one, and the answer to it as it must be."""
        signed = "verified" if self.expected.startswith(_TO_VERIFIED) else "not signed"
        return self.decided == self.expected and self.answer == signed


def run(*, once: bool, upstream: str | None) -> int:
    """Play the story; return 0 if every decision was as expected."""
    ports = Ports(
        **{
            name: choose_port(None if once else preferred)
            for name, preferred in _PREFERRED_PORTS.items()
        }
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with tempfile.TemporaryDirectory(prefix="ucp-connector-demo-") as folder, ExitStack() as up:
            return _play(ports, Path(folder), up, once=once, upstream=upstream)
    except DemoError as error:
        print(f"ucp-connector demo: {error}", file=sys.stderr)  # noqa: T201 - a command's message
        return 1
    except KeyboardInterrupt:
        return 0


def _play(ports: Ports, folder: Path, up: ExitStack, *, once: bool, upstream: str | None) -> int:
    jwk = new_private_jwk("platform-2026")
    platform = Platform(f"http://{HOST}:{ports.platform}{PROFILE_PATH}", jwk)
    authority = f"{HOST}:{ports.gateway}"
    profile = folder / "profile.json"
    profile.write_text(json.dumps(platform.profile()))
    config = folder / "connector.yaml"
    endpoint = "" if upstream else ENDPOINT
    config.write_text(json.dumps(_configuration(ports, authority, endpoint, upstream), indent=2))
    decisions = Decisions()
    _say("starting a sample platform" if upstream else "starting a sample merchant and platform")
    if upstream is None:
        arguments = ["-m", "connector.demo.merchant", str(ports.merchant), authority]
        up.enter_context(running("merchant", arguments, ports.merchant))
    arguments = ["-m", "connector.demo.platform", str(ports.platform), str(profile)]
    up.enter_context(running("platform", arguments, ports.platform))
    _say("starting the gateway")
    arguments = ["-m", "connector.cli.main", "serve", "-c", str(config)]
    up.enter_context(running("gateway", arguments, ports.gateway, decisions.take))
    good = True
    if upstream is not None:
        _invite(platform, authority, upstream)
    else:
        rows = _tell(platform, ports, decisions)
        good = all(row.good for row in rows)
        _print_table(rows)
        sys.stdout.write(f"{sum(row.good for row in rows)} of {len(rows)} decisions as expected\n")
        sys.stdout.flush()
    if not once:
        _say(f"serving on http://{authority}, metrics on http://{HOST}:{ports.admin}/metrics")
        _say("decisions follow as they are made; Ctrl-C ends everything")
        decisions.echo = True
        signal.pause()
    return 0 if good else 1


def _configuration(
    ports: Ports, authority: str, endpoint: str, upstream: str | None
) -> dict[str, Any]:
    """Return the gateway's configuration; JSON is YAML."""
    return {
        "listen": {"host": HOST, "port": ports.gateway},
        "admin": {"host": HOST, "port": ports.admin},
        # The sample platform publishes its profile on loopback, over plain HTTP.
        "discovery": {"insecure_allow_loopback_profiles": True},
        "merchants": [
            {
                "id": "demo-shop",
                "authorities": [authority],
                "scheme": "http",
                "versions": ["2026-08-25"],
                "endpoints": {"rest": endpoint or "/"},
                "upstream": {"url": upstream or f"http://{HOST}:{ports.merchant}"},
            }
        ],
    }


class _Exchange(NamedTuple):
    """A request as it was signed, before anything happened to it on the way."""

    headers: dict[str, str]
    target: str
    body: bytes


def _without_signature(signed: _Exchange) -> _Exchange:
    kept = {name: value for name, value in signed.headers.items() if "Signature" not in name}
    return signed._replace(headers=kept)


def _other_body(signed: _Exchange) -> _Exchange:
    return signed._replace(body=signed.body.replace(b"2", b"9"))


def _other_path(signed: _Exchange) -> _Exchange:
    return signed._replace(target=f"{signed.target}0")


def _other_host(signed: _Exchange) -> _Exchange:
    return signed._replace(headers={**signed.headers, "Host": "other.example"})


def _as_signed(signed: _Exchange) -> _Exchange:
    return signed


class _Teller:
    """Sends requests through the gateway and keeps what was decided of each."""

    def __init__(self, ports: Ports, decisions: Decisions) -> None:
        self.rows: list[Row] = []
        self.signers: set[str] = set()
        """The kids of the keys whose signatures under answers verified."""
        self._ports = ports
        self._decisions = decisions
        self._keys = business_keys(_merchants_profile(ports))

    def tell(
        self,
        what: str,
        expected: str,
        signer: Platform,
        method: str,
        target: str,
        document: object = None,
        alter: Callable[[_Exchange], _Exchange] = _as_signed,
        key: str | None = None,
    ) -> Sent:
        """Sign a request, alter it, send it, and add a row."""
        body = b"" if document is None else json.dumps(document).encode()
        authority = f"{HOST}:{self._ports.gateway}"
        headers = signer.signed_headers(method, authority, target, body, int(time.time()), key)
        headers, target, body = alter(_Exchange(headers, target, body))
        sent = send((HOST, self._ports.gateway), method, target, headers, body)
        decision = self._decisions.of(sent.audit_id)
        decided = sent.code or f"{decision['decision']} {sent.status}"
        recorded = "recorded answer, " if decision["decision"] == "replay" else ""
        why = decision.get("explanation") or f"{recorded}signed by {decision['keyid']}"
        self.rows.append(Row(what, expected, decided, self._judge_answer(sent), str(why)))
        return sent

    def _judge_answer(self, sent: Sent) -> str:
        try:
            kid = answer_signer(sent, self._keys)
        except CanonicalError as error:
            return f"refused: {error}"
        if not kid:
            return "not signed"
        self.signers.add(kid)
        return "verified"


def _tell(platform: Platform, ports: Ports, decisions: Decisions) -> list[Row]:
    """Send the lifecycle of a checkout, then what must not reach the merchant."""
    teller = _Teller(ports, decisions)
    sessions = f"{ENDPOINT}/checkout-sessions"
    created = teller.tell("create checkout", "accept 201", platform, "POST", sessions, _ORDER)
    checkout = f"{sessions}/{json.loads(created.body).get('id', 'none')}"
    teller.tell("get checkout", "accept 200", platform, "GET", checkout)
    teller.tell("update checkout", "accept 200", platform, "PUT", checkout, _LARGER)
    complete, key = f"{checkout}/complete", str(uuid.uuid4())
    bought = teller.tell("complete checkout", "accept 200", platform, "POST", complete, {}, key=key)
    forwarded = _merchant_saw(ports)
    again = teller.tell(
        "complete it once more", "replay 200", platform, "POST", complete, {}, key=key
    )
    if again.body != bought.body:
        raise DemoError("a repetition was answered otherwise than the first request")
    other = {"buyer": {"email": "other@example.org"}}
    conflict = "idempotency_conflict"
    teller.tell("same key, other body", conflict, platform, "POST", complete, other, key=key)
    for what, expected, method, document, alter in (
        ("GET without a signature", "signature_missing", "GET", None, _without_signature),
        ("body altered on the way", "digest_mismatch", "PUT", _LARGER, _other_body),
        ("path altered on the way", "signature_invalid", "GET", None, _other_path),
        ("request for another host", "unknown_authority", "GET", None, _other_host),
    ):
        teller.tell(what, expected, platform, method, checkout, document, alter)
    stranger = Platform(platform.profile_url, new_private_jwk("platform-2026"))
    teller.tell("signed by a wrong key", "signature_invalid", stranger, "GET", checkout)
    if (after := _merchant_saw(ports)) != forwarded:
        raise DemoError(f"the merchant saw {after - forwarded} that it must not see")
    _say(f"the merchant saw {forwarded} requests: none twice, and none that was refused")
    _say(f"the answers are signed by {', '.join(teller.signers)}, as the merchant's profile says")
    return teller.rows


def _merchants_profile(ports: Ports) -> bytes:
    """Fetch the merchant's profile through the gateway, which reads it in its first moments."""
    authority = f"{HOST}:{ports.gateway}"
    deadline = time.monotonic() + _PROFILE_LIMIT
    while time.monotonic() < deadline:
        found = send((HOST, ports.gateway), "GET", PROFILE_PATH, {"Host": authority}, b"")
        if found.status == 200:
            return found.body
        time.sleep(0.02)
    raise DemoError("the gateway did not publish the merchant's profile")


def _merchant_saw(ports: Ports) -> int:
    seen = send((HOST, ports.merchant), "GET", COUNT_PATH, {}, b"")
    return len(json.loads(seen.body)["seen"])


def _invite(platform: Platform, authority: str, upstream: str) -> None:
    """Print a signed request as a curl command line."""
    target = "/checkout-sessions/chk_1"
    headers = platform.signed_headers("GET", authority, target, b"", int(time.time()))
    words = ["curl", "-i", f"http://{authority}{target}"]
    for name, value in headers.items():
        if name != "Host":
            words += ["-H", f"{name}: {value}"]
    sys.stdout.write(
        f"The gateway stands in front of {upstream}. This request is signed and good for an hour;\n"
        f"change anything in it and it will be refused:\n\n  {shlex.join(words)}\n\n"
    )
    sys.stdout.flush()


def _print_table(rows: list[Row]) -> None:
    heads = Row("sent", "expected", "decided", "answer", "why")
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(4)]
    rule = Row("-" * widths[0], "-" * widths[1], "-" * widths[2], "-" * widths[3], "---")
    for row in (heads, rule, *rows):
        cells = "  ".join(cell.ljust(width) for cell, width in zip(row[:4], widths, strict=True))
        sys.stdout.write(f"{cells}  {row.why}\n")
    sys.stdout.flush()


def _say(text: str) -> None:
    print(f"demo: {text}", file=sys.stderr, flush=True)  # noqa: T201 - progress of a command
