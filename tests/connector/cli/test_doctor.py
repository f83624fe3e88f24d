from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from connector.cli.main import main
from tests.connector.diagnosis.doctor.visits import HEADERS, business, platform
from tests.end_to_end.raw_server import RawServer, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/.well-known/ucp"
LOOPBACK = "--insecure-allow-loopback"


@pytest.fixture(scope="module")
def served() -> Iterator[RawServer]:
    with RawServer(answer(b"", "404 Not Found")) as running:
        yield running


def serve(served: RawServer, document: object) -> str:
    served.script[PATH] = answer(json.dumps(document).encode(), "200 OK", *HEADERS.items())
    return f"{served.origin}{PATH}"


def test_nothing_broken_is_status_0(served: RawServer, capsys: pytest.CaptureFixture[str]) -> None:
    url = serve(served, platform())
    assert main(["doctor", url, LOOPBACK]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{url}, as a platform's profile (by what stands in it)"
    assert lines[-1].startswith("0 broken, ")


def test_something_broken_is_status_1_and_json_says_what(
    served: RawServer, capsys: pytest.CaptureFixture[str]
) -> None:
    document = business()
    del document["ucp"]["supported_versions"], document["keys"]
    url = serve(served, document)
    assert main(["doctor", url, LOOPBACK, "--as-business", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["url"], report["role"], report["role_told"]) == (url, "business", True)
    broken = {each["rule"] for each in report["findings"] if each["verdict"] == "broken"}
    # Its endpoint is not on this machine, which is a warning; it has no keys that are read.
    assert broken == {"key-lists"}


def test_the_option_decides_whose_it_is(
    served: RawServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = serve(served, business())
    main(["doctor", url, LOOPBACK, "--as-platform"])
    assert capsys.readouterr().out.startswith(f"{url}, as a platform's profile\n")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "https://127.0.0.1:1/", "https://localhost:1/", "x\x1b[31m"]
)
def test_what_strangers_may_not_name_is_refused_without_the_unsafe_option(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", url]) == 1
    shown = capsys.readouterr().out
    assert "invalid_profile_url" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    "arguments", [[], ["--as-platform", "--as-business"], ["--as-shop"]], ids=str
)
def test_wrong_usage_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    url = ["https://platform.example/"] if arguments else []
    assert main(["doctor", *url, *arguments]) == 2
    assert "usage: ucp-connector" in capsys.readouterr().err
