"""``ucp-connector vectors``: run, list or generate conformance vectors, here or over the wire."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import yaml

from connector.cli.failure import WRONG_USAGE, CommandError
from connector.diagnosis import report
from connector.diagnosis.generator.files import TOPICS, render
from connector.diagnosis.runner import run_file
from connector.diagnosis.vectors import SCHEMA, VectorFile, VectorFileError, read_vectors
from connector.diagnosis.verdicts import brief
from connector.diagnosis.wire import runner as wire
from connector.diagnosis.wire.configuration import configuration
from connector.diagnosis.wire.places import PROFILES_PORT
from connector.diagnosis.wire.profile_server import CannotServeError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from connector.diagnosis.verdicts import Outcome, Skipped

_DEFAULT_FOLDER: Final = "vectors"
_PATIENCE: Final = 5.0
"""Seconds for a gateway to take a connection."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    run_parser = actions.add_parser("run", help="run cases and compare the decisions")
    run_parser.add_argument("paths", nargs="+", metavar="PATH", help="a vector file or a folder")
    run_parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    run_parser.add_argument("--junit", metavar="FILE", help="write JUnit XML to this file")
    run_parser.add_argument(
        "--gateway", metavar="URL", help="send them to a gateway (see: vectors configuration)"
    )
    _add_port(run_parser)
    list_parser = actions.add_parser("list", help="list cases: id, expectation, rule, description")
    list_parser.add_argument("paths", nargs="+", metavar="PATH", help="a vector file or a folder")
    configuration_parser = actions.add_parser(
        "configuration", help="print the configuration of a gateway to run cases against"
    )
    configuration_parser.add_argument("paths", nargs="+", metavar="PATH", help="as for run")
    _add_port(configuration_parser)
    generate_parser = actions.add_parser("generate", help="make the files of vectors/ again")
    generate_parser.add_argument(
        "folder", nargs="?", default=_DEFAULT_FOLDER, metavar="DIR", help="where (default: vectors)"
    )


def _add_port(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profiles-port",
        type=int,
        default=PROFILES_PORT,
        metavar="PORT",
        help=f"where the profile server of a run over the wire listens (default: {PROFILES_PORT})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Do one of the four."""
    if arguments.action == "generate":
        return _generate(Path(arguments.folder))
    files = list(_files(arguments.paths))
    if arguments.action == "list":
        return _list(files)
    if arguments.action == "configuration":
        document = configuration([file for _, file in files], arguments.profiles_port)
        sys.stdout.write(yaml.safe_dump(document, sort_keys=False))
        return 0
    outcomes, skipped = _outcomes(files, arguments)
    if arguments.junit is not None:
        Path(arguments.junit).write_bytes(report.as_junit(outcomes, skipped))
    shown = report.as_json if arguments.json else report.as_table
    sys.stdout.write(f"{shown(outcomes, skipped)}\n")
    return 0 if outcomes and all(outcome.good for outcome in outcomes) else 1


def _outcomes(
    files: list[tuple[str, VectorFile]], arguments: argparse.Namespace
) -> tuple[list[Outcome], list[Skipped]]:
    outcomes: list[Outcome] = []
    skipped: list[Skipped] = []
    gateway = None if arguments.gateway is None else _reached(arguments.gateway)
    for name, file in files:
        try:
            if gateway is None:
                outcomes += asyncio.run(run_file(name, file))
                continue
            sent, left = asyncio.run(
                wire.run_file(
                    name, file, gateway, profiles_port=arguments.profiles_port, tell=_progress
                )
            )
        except VectorFileError as error:
            raise CommandError(f"{name}: {error}") from error
        except CannotServeError as error:
            raise CommandError(str(error), status=WRONG_USAGE) from error
        outcomes += sent
        skipped += left
    _progress("")
    return outcomes, skipped


def _reached(url: str) -> tuple[str, int]:
    """Return the gateway's address, where it takes connections."""
    address = _address(url)
    try:
        socket.create_connection(address, _PATIENCE).close()
    except OSError as error:
        raise CommandError(f"{url}: {error.strerror or error}", status=WRONG_USAGE) from error
    return address


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port or 80
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port or parts.path not in ("", "/"):
        raise CommandError(f"--gateway {url!r} is not http://HOST:PORT", status=WRONG_USAGE)
    return parts.hostname, port


def _progress(case: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{case}")
        sys.stderr.flush()


def _list(files: list[tuple[str, VectorFile]]) -> int:
    for name, file in files:
        sys.stdout.write(f"{name}: {file.title}\n")
        for case in file.cases:
            kind = "" if case.kind == "request" else f"{case.kind}: "
            sys.stdout.write(
                f"  {case.id}: {kind}{brief(case.expect)}; {case.description} [{case.rule}]\n"
            )
    return 0


def _generate(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    for name, topic in TOPICS.items():
        data, path = render(topic), folder / name
        unchanged = path.exists() and path.read_bytes() == data
        path.write_bytes(data)
        state = "unchanged" if unchanged else "written"
        sys.stdout.write(f"{path}: {len(topic.cases)} cases, {state}\n")
    return 0


def _files(paths: list[str]) -> Iterator[tuple[str, VectorFile]]:
    """Read the files named, and those in the folders named, by name."""
    for text in paths:
        path = Path(text)
        found = sorted(path.glob("*.json")) if path.is_dir() else [path]
        found = [each for each in found if each.name != SCHEMA]
        if not found:
            raise CommandError(f"{path}: no vector files in this folder")
        for each in found:
            try:
                yield str(each), read_vectors(each.read_bytes())
            except VectorFileError as error:
                raise CommandError(f"{each}: {error}") from error
