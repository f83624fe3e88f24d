"""``ucp-connector doctor``: what is right and wrong with a profile, as the gateway fetches it."""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from typing import TYPE_CHECKING

from connector.diagnosis.doctor.examination import Examination, examine, refused_url
from connector.diagnosis.doctor.facts import BUSINESS, PLATFORM
from connector.diagnosis.doctor.report import as_json, as_table
from connector.diagnosis.doctor.visiting import visit
from connector.egress.fetch import Fetcher
from connector.egress.resolving import Resolver
from connector.egress.urls import normalise
from connector.errors import Refusal
from connector.settings.gateway import Discovery

if TYPE_CHECKING:
    import argparse

# The profile is asked for three times, the directory and eight older versions once.
_LOOK_UPS = 12


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("url", metavar="URL", help="the profile's URL")
    role = parser.add_mutually_exclusive_group()
    role.add_argument(
        "--as-platform",
        dest="role",
        action="store_const",
        const=PLATFORM,
        help="judge it as a platform's (default: told by the document)",
    )
    role.add_argument(
        "--as-business",
        dest="role",
        action="store_const",
        const=BUSINESS,
        help="judge it as a business's",
    )
    add(
        "--insecure-allow-loopback",
        action="store_true",
        help="unsafe: take plain HTTP and loopback addresses, for tests on one machine",
    )
    add("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Examine; 0 where nothing is broken, 1 where something is."""
    examination = _examined(
        arguments.url, arguments.role, allow_loopback=arguments.insecure_allow_loopback
    )
    text = as_json(examination) if arguments.json else as_table(examination)
    sys.stdout.write(f"{text}\n")
    return 0 if examination.good else 1


def _examined(given: str, role: str | None, *, allow_loopback: bool) -> Examination:
    try:
        url = normalise(given, allow_loopback=allow_loopback)
    except Refusal as refusal:
        return refused_url(given, refusal, role)
    settings = Discovery()
    fetcher = Fetcher(
        resolve=Resolver(_LOOK_UPS),
        tls=ssl.create_default_context(),
        max_document=settings.max_document,
        connect_timeout=settings.connect_timeout,
        timeout=settings.timeout,
        allow_loopback=allow_loopback,
    )
    visited = asyncio.run(visit(fetcher, url, clock=time.time, allow_loopback=allow_loopback))
    return examine(given, visited, role, allow_loopback=allow_loopback)
