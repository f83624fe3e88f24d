"""``ucp-connector sign``: sign a request and show what to send. Nothing is sent."""

from __future__ import annotations

import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from canonical import CanonicalError
from connector.cli.failure import CommandError
from connector.cli.key_files import read_private_key
from connector.cli.signed_request import (
    BOT_AUTH,
    as_curl,
    as_headers,
    as_json,
    draft,
    sign_request,
)

if TYPE_CHECKING:
    import argparse

    from canonical import Key

_STANDARD_INPUT: Final = "@-"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("method", metavar="METHOD", help="the method, in upper case")
    add("url", metavar="URL", help="the URL; its path and query are signed as they stand")
    add("--key", required=True, metavar="FILE", help="the private key: JWK, JWK set or PEM")
    add("--keyid", metavar="ID", help="keyid (default: the JWK's kid, or the key's thumbprint)")
    add("--profile", metavar="URL", help="your profile's URL, sent as UCP-Agent")
    add("--header", action="append", default=[], metavar="LINE", help="'Name: value' (repeatable)")
    add(
        "--data",
        metavar="TEXT|@FILE",
        help="the body, or the file with its octets (@- reads stdin)",
    )
    add("--idempotency-key", metavar="KEY", help="Idempotency-Key (default for writes: a new UUID)")
    add("--created", metavar="SECONDS", help="UNIX time, or 'none' (default: now)")
    add("--expires", metavar="SECONDS", help="UNIX time, or +N seconds after created")
    add("--nonce", metavar="TEXT", help="the nonce parameter")
    add("--tag", metavar="TEXT", help="the tag parameter (web-bot-auth)")
    add("--label", default="sig1", metavar="LABEL", help="the signature's label (default: sig1)")
    add(
        "--component",
        action="append",
        default=[],
        metavar="NAME",
        help="cover exactly these (repeatable; default: all that must be covered)",
    )
    add("--format", choices=("headers", "curl", "json"), default="headers", help="what to print")


def run(arguments: argparse.Namespace) -> int:
    """Sign and print."""
    headers = [_header(line) for line in arguments.header]
    key = read_private_key(arguments.key, arguments.keyid)
    try:
        request = draft(arguments.method, arguments.url, headers, _body(arguments.data))
        idempotency_key = arguments.idempotency_key
        if idempotency_key is None and request.is_write:
            idempotency_key = str(uuid.uuid4())
        signed = sign_request(
            request,
            key,
            profile=arguments.profile,
            idempotency_key=idempotency_key,
            label=arguments.label,
            components=arguments.component,
            parameters=_parameters(arguments, key, int(time.time())),
        )
        if arguments.format == "curl":
            text = as_curl(signed, _data_argument(arguments.data))
        else:
            text = as_json(signed) if arguments.format == "json" else as_headers(signed)
    except (CanonicalError, ValueError) as error:
        raise CommandError(str(error)) from error
    sys.stdout.write(f"{text}\n")
    return 0


def _parameters(arguments: argparse.Namespace, key: Key, now: int) -> dict[str, Any]:
    """Collect the signature's parameters in the order in which they are sent."""
    parameters: dict[str, Any] = {}
    created = None
    if arguments.created != "none":
        created = now if arguments.created is None else _seconds(arguments.created, "--created")
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
