"""``ucp-connector vectors``: run, list or generate conformance vectors."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from connector.cli.failure import CommandError
from connector.diagnosis import report
from connector.diagnosis.generator.files import TOPICS, render
from connector.diagnosis.runner import run_file
from connector.diagnosis.vectors import SCHEMA, VectorFile, VectorFileError, read_vectors
from connector.diagnosis.verdicts import brief

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from connector.diagnosis.verdicts import Outcome

_DEFAULT_FOLDER: Final = "vectors"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    run_parser = actions.add_parser("run", help="run cases and compare the decisions")
    run_parser.add_argument("paths", nargs="+", metavar="PATH", help="a vector file or a folder")
    run_parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    run_parser.add_argument("--junit", metavar="FILE", help="write JUnit XML to this file")
    list_parser = actions.add_parser("list", help="list cases: id, expectation, rule, description")
    list_parser.add_argument("paths", nargs="+", metavar="PATH", help="a vector file or a folder")
    generate_parser = actions.add_parser("generate", help="make the files of vectors/ again")
    generate_parser.add_argument(
        "folder", nargs="?", default=_DEFAULT_FOLDER, metavar="DIR", help="where (default: vectors)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do one of the three."""
    if arguments.action == "generate":
        return _generate(Path(arguments.folder))
    files = list(_files(arguments.paths))
    if arguments.action == "list":
        return _list(files)
    return _run(files, json=arguments.json, junit=arguments.junit)


def _run(files: list[tuple[str, VectorFile]], *, json: bool, junit: str | None) -> int:
    outcomes: list[Outcome] = []
    for name, file in files:
        try:
            outcomes += asyncio.run(run_file(name, file))
        except VectorFileError as error:
            raise CommandError(f"{name}: {error}") from error
    if junit is not None:
        Path(junit).write_bytes(report.as_junit(outcomes))
    sys.stdout.write(f"{report.as_json(outcomes) if json else report.as_table(outcomes)}\n")
    return 0 if all(outcome.good for outcome in outcomes) else 1


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
