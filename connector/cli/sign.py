"""``ucp-connector sign``: sign a request; show it, send it, or make a test vector of it."""

from __future__ import annotations

import getpass
import math
import os
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from canonical import CanonicalError, load_key
from connector.cli.failure import CommandError
from connector.cli.key_files import read_private_key
from connector.cli.request_text import as_curl, as_headers, as_json, dumped
from connector.cli.sending import place_of
from connector.cli.signed_request import (
    BOT_AUTH,
    DETACHED_JWS,
    RFC9421,
    SCHEMES,
    TALOS,
    draft,
    endpoint_of,
    sign_as_talos,
    sign_body,
    sign_request,
    wants_key,
)
from connector.cli.signed_sending import TIMEOUT, Sending, send_signed

if TYPE_CHECKING:
    import argparse

    from canonical import Key
    from connector.cli.key_files import PrivateKey
    from connector.cli.signed_request import Draft, SignedRequest

_STANDARD_INPUT: Final = "@-"
# Which options mean something to which schemes only.
_ONLY_FOR: Final = {
    "expires": (RFC9421,),
    "tag": (RFC9421,),
    "label": (RFC9421,),
    "component": (RFC9421,),
    "nonce": (RFC9421, TALOS),
    "created": (RFC9421, TALOS),
    "b64": (DETACHED_JWS,),
}
# Which options mean nothing without another one.
_PARTS: Final = {
    "connect": "send",
    "timeout": "send",
    "verify_answer": "send",
    "id": "vector",
    "description": "vector",
    "rule": "vector",
    "include_test_key": "vector",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("method", metavar="METHOD", help="the method, in upper case")
    add("url", metavar="URL", help="the URL; its path and query are signed as they stand")
    add("--scheme", choices=SCHEMES, default=RFC9421, help="how to sign (default: rfc9421)")
    add("--key", required=True, metavar="FILE", help="the private key: JWK, JWK set or PEM")
    add("--keyid", metavar="ID", help="keyid (default: the JWK's kid, or the key's thumbprint)")
    add("--passphrase-env", metavar="NAME", help="the variable with an encrypted key's passphrase")
    add("--profile", metavar="URL", help="your profile's URL, sent as UCP-Agent")
    add("--header", action="append", default=[], metavar="LINE", help="'Name: value' (repeatable)")
    add("--data", metavar="TEXT|@FILE", help="the body, or the file that holds it (@- is stdin)")
    add("--idempotency-key", metavar="KEY", help="Idempotency-Key (default for writes: a new UUID)")
    add("--created", metavar="SECONDS", help="UNIX time, or 'none' (default: now; talos: its iat)")
    add("--expires", metavar="SECONDS", help="UNIX time, or +N seconds after created")
    add("--nonce", metavar="TEXT", help="the nonce parameter (talos: its jti, default a new UUID)")
    add("--tag", metavar="TEXT", help="the tag parameter (web-bot-auth)")
    add("--label", metavar="LABEL", help="the signature's label (default: sig1)")
    add(
        "--component",
        action="append",
        metavar="NAME",
        help="cover exactly these (repeatable; default: all that must be covered)",
    )
    add("--b64", action="store_true", help="detached-jws: sign the body's base64url text")
    add("--endpoint", metavar="PATH", help="the REST endpoint, to which talos's path is relative")
    add("--format", choices=("headers", "curl", "json"), default="headers", help="what to print")
    _configure_sending(parser.add_argument_group("sending"))
    _configure_vector(parser.add_argument_group("a test vector"))


def _configure_sending(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--send", action="store_true", help="send it, octet for octet, and print the answer")
    add("--connect", metavar="HOST:PORT", help="connect there instead of to the URL's host")
    add("--timeout", type=float, metavar="SECONDS", help="for the whole exchange (default: 30)")
    add(
        "--verify-answer",
        metavar="URL|FILE",
        help="verify the answer's signature with the keys of this profile or JWK set",
    )


def _configure_vector(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--vector", metavar="FILE", help="add the request to this vector file, or begin one")
    add("--id", metavar="ID", help="the case's id, which no other case of the file has")
    add("--description", metavar="TEXT", help="what the case shows, in a sentence")
    add("--rule", metavar="TEXT", help="the rule that it is about")
    add("--include-test-key", action="store_true", help="the private key may stand in the file")


def run(arguments: argparse.Namespace) -> int:
    """Sign, and do what was asked with it."""
    _check_options(arguments)
    signer = read_private_key(arguments.key, arguments.keyid, _passphrase(arguments))
    now = int(time.time())
    try:
        signed = _sign(arguments, _draft(arguments), signer, now)
        if arguments.vector is not None:
            _add_to_vectors(signed, signer, arguments, now)
        if arguments.send:
            return send_signed(signed, _how(arguments), json=arguments.format == "json")
        text = _text(signed, arguments)
    except (CanonicalError, ValueError) as error:
        raise CommandError(str(error)) from error
    sys.stdout.write(f"{text}\n")
    return 0


def _check_options(arguments: argparse.Namespace) -> None:
    """Refuse options that would be ignored: whoever gives one expects it to matter."""
    for name, schemes in _ONLY_FOR.items():
        if getattr(arguments, name) and arguments.scheme not in schemes:
            raise CommandError(f"--{name} means nothing with --scheme {arguments.scheme}")
    for name, needed in _PARTS.items():
        if getattr(arguments, name, None) and not getattr(arguments, needed):
            raise CommandError(f"--{name.replace('_', '-')} needs --{needed}")
    if arguments.endpoint and arguments.scheme != TALOS and arguments.vector is None:
        raise CommandError("--endpoint is for --scheme talos and --vector")
    if arguments.vector is not None:
        _check_vector_options(arguments)
    if arguments.send and arguments.format == "curl":
        raise CommandError("--send prints the answer; --format curl is for sending it yourself")


def _check_vector_options(arguments: argparse.Namespace) -> None:
    for name in ("id", "description", "rule"):
        if not getattr(arguments, name):
            raise CommandError(f"--vector needs --{name}")
    if not arguments.include_test_key:
        raise CommandError(
            "a vector file holds the private keys of its cases, for others to sign again:"
            " use a key made for tests alone, and say so with --include-test-key"
        )


def _passphrase(arguments: argparse.Namespace) -> Any:
    """Return what asks for the passphrase of an encrypted key, or None where nobody can be."""
    name = arguments.passphrase_env
    if name is not None:

        def from_environment() -> bytes:
            if name not in os.environ:
                raise CommandError(f"--passphrase-env {name}: there is no such variable")
            return os.environb[name.encode()]

        return from_environment
    # The prompt needs a terminal to be seen on and not to be echoed to.
    if not sys.stderr.isatty():
        return None
    return lambda: getpass.getpass(f"Passphrase of {arguments.key}: ").encode()


def _draft(arguments: argparse.Namespace) -> Draft:
    body = _body(arguments.data)
    key = arguments.idempotency_key
    if key is None and wants_key(arguments.method, body):
        key = str(uuid.uuid4())
    return draft(
        arguments.method,
        arguments.url,
        [_header(line) for line in arguments.header],
        body,
        profile=arguments.profile,
        idempotency_key=key,
    )


def _sign(
    arguments: argparse.Namespace, request: Draft, signer: PrivateKey, now: int
) -> SignedRequest:
    key = signer.key
    if arguments.scheme != RFC9421:
        named = load_key({**signer.jwk, "kid": arguments.keyid or key.kid or key.thumbprint})
        if arguments.scheme == DETACHED_JWS:
            return sign_body(request, named, encoded=arguments.b64)
        endpoint = arguments.endpoint
        return sign_as_talos(
            request,
            named,
            endpoint=endpoint_of(request.target) if endpoint is None else endpoint.rstrip("/"),
            iat=_issued(arguments, now),
            jti=arguments.nonce or str(uuid.uuid4()),
        )
    return sign_request(
        request,
        key,
        label=arguments.label or "sig1",
        components=arguments.component or (),
        parameters=_parameters(arguments, key, now),
    )


def _add_to_vectors(
    signed: SignedRequest, signer: PrivateKey, arguments: argparse.Namespace, now: int
) -> None:
    # Loads the gateway's rooms, which nothing else here needs.
    from connector.cli.vector_case import Told, add_case  # noqa: PLC0415 - see above

    created = _created(arguments, now)
    told = Told(
        arguments.vector,
        arguments.id,
        arguments.description,
        arguments.rule,
        arguments.endpoint,
    )
    count = add_case(signed, signer, now if created is None else created, told)
    sys.stderr.write(
        f"{arguments.vector}: case {arguments.id!r} added, {count} in all;"
        f" it holds the private key {signed.keyid!r}\n"
    )


def _how(arguments: argparse.Namespace) -> Sending:
    timeout = TIMEOUT if arguments.timeout is None else arguments.timeout
    if not 0 < timeout < math.inf:
        raise CommandError("--timeout is more than 0 seconds")
    connect = None
    if arguments.connect is not None:
        if not arguments.connect.rpartition(":")[2].isdigit():
            raise CommandError(f"--connect {arguments.connect!r} is not HOST:PORT")
        connect = place_of(arguments.connect, "https")
    return Sending(connect, timeout, arguments.verify_answer)


def _text(signed: SignedRequest, arguments: argparse.Namespace) -> str:
    if arguments.format == "curl":
        return as_curl(signed, _data_argument(arguments.data))
    return dumped(as_json(signed)) if arguments.format == "json" else as_headers(signed)


def _parameters(arguments: argparse.Namespace, key: Key, now: int) -> dict[str, Any]:
    """Collect the signature's parameters in the order in which they are sent."""
    parameters: dict[str, Any] = {}
    created = _created(arguments, now)
    if created is not None:
        parameters["created"] = created
    if arguments.expires is not None:
        offset = arguments.expires.startswith("+")
        since = (now if created is None else created) if offset else 0
        parameters["expires"] = since + _seconds(arguments.expires.lstrip("+"), "--expires")
    # ucp-rules section 3.4: a web-bot-auth keyid is the thumbprint.
    named = key.thumbprint if arguments.tag == BOT_AUTH else key.kid or key.thumbprint
    parameters["keyid"] = arguments.keyid or named
    for name in ("nonce", "tag"):
        value = getattr(arguments, name)
        if value is not None:
            parameters[name] = value
    return parameters


def _created(arguments: argparse.Namespace, now: int) -> int | None:
    if arguments.created == "none":
        return None
    return now if arguments.created is None else _seconds(arguments.created, "--created")


def _issued(arguments: argparse.Namespace, now: int) -> int:
    created = _created(arguments, now)
    if created is None:
        raise CommandError("--created none: a talos signature says when it was made")
    return created


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or name != name.strip() or not line.isprintable():
        raise CommandError(f"--header {line!r} is not 'Name: value'")
    return name, value.strip()


def _body(data: str | None) -> bytes:
    if data is None:
        return b""
    if data == _STANDARD_INPUT:
        return sys.stdin.buffer.read()
    if data.startswith("@"):
        return Path(data[1:]).read_bytes()
    return data.encode("utf-8", "surrogateescape")


def _data_argument(data: str | None) -> str | None:
    """Let curl read the same file; standard input is gone by then."""
    return data if data is not None and data.startswith("@") and data != _STANDARD_INPUT else None


def _seconds(text: str, option: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise CommandError(f"{option} {text!r} is not a number of seconds")
    return int(text)
