"""A signed request as text: header lines, a curl command line, JSON."""

from __future__ import annotations

import json
import shlex
from base64 import b64encode
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connector.cli.signed_request import SignedRequest


def as_headers(signed: SignedRequest) -> str:
    """Show one header a line."""
    return "\n".join(f"{name}: {value}" for name, value in signed.headers)


def as_curl(signed: SignedRequest, data_argument: str | None) -> str:
    """Show a curl command line for a POSIX shell.

    ``data_argument`` is what curl reads the body from (``@FILE``); without it the body stands in
    the line, and must be text without NUL: ValueError.
    """
    # --path-as-is: curl would take dot segments out. --data-binary: and line ends out of bodies.
    words = ["curl", "--path-as-is", "--request", signed.draft.method]
    lines = [shlex.join(words)]
    for name, value in signed.headers:
        # curl drops a header without value, unless it ends in a semicolon.
        lines.append(shlex.join(["--header", f"{name}: {value}" if value else f"{name};"]))
    if signed.draft.body:
        lines.append(shlex.join(["--data-binary", data_argument or _text(signed.draft.body)]))
    # curl reads brackets and braces in a URL as patterns.
    lines.append(shlex.join(["--globoff", signed.draft.url]))
    return " \\\n  ".join(lines)


def as_json(signed: SignedRequest) -> dict[str, Any]:
    """Return what is sent, and what was signed, as a JSON object."""
    return {
        "method": signed.draft.method,
        "url": signed.draft.url,
        "headers": [list(line) for line in signed.headers],
        **body_members(signed.draft.body),
        "signature_base": signed.base.decode("utf-8", "backslashreplace"),
    }


def body_members(body: bytes) -> dict[str, str]:
    """Return ``body`` where it is text, else ``body_base64``; nothing where there is none."""
    if not body:
        return {}
    try:
        return {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body_base64": b64encode(body).decode("ascii")}


def dumped(document: dict[str, Any]) -> str:
    """Write JSON for people."""
    return json.dumps(document, indent=2)


def _text(body: bytes) -> str:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    # An argument ends at a NUL, and curl reads a file where it begins with "@".
    if "\0" in text or text.startswith("@"):
        raise ValueError(
            "the body cannot stand in a command line; put it into a file: --data @FILE"
        )
    return text
