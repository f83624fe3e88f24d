"""Where the keys come from: a profile, a key, or the network."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from connector.cli.main import main
from connector.diagnosis.generator import keys
from connector.diagnosis.generator.documents import DOCUMENTS, PLATFORM
from connector.diagnosis.generator.recipes import NOW, POST, Recipe
from connector.diagnosis.vectors import read_vectors
from tests.connector.cli.test_explain import _file, _raw

if TYPE_CHECKING:
    from collections.abc import Iterator

VECTORS = Path(__file__).parents[3] / "vectors"


@pytest.fixture
def profile(tmp_path: Path) -> str:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(DOCUMENTS[PLATFORM]["json"]))
    return str(path)


@pytest.mark.parametrize("kid", [True, False])
def test_a_key_stands_in_for_the_profile(
    kid: bool,  # noqa: FBT001 - pytest passes it by name
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    jwk = keys.public_jwk("platform-2026", **({} if kid else {"kid": None}))
    key = tmp_path / "key.json"
    key.write_text(json.dumps(jwk))
    options = ["--key", str(key), "--now", str(NOW)]

    assert main(["explain", _file(tmp_path, _raw(POST)), *options]) == 0
    assert "note: the keys of --key stand in for the profile" in capsys.readouterr().out


@pytest.fixture
def server() -> Iterator[str]:
    """Serve the platform's profile on loopback; the URL."""
    body = json.dumps(DOCUMENTS[PLATFORM]["json"]).encode()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/profile"
            self.send_response(200 if found else 302)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as listening:
        thread = Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_address[1]}"
        finally:
            listening.shutdown()
            thread.join()


def _from(url: str) -> Recipe:
    return POST.replaced("UCP-Agent", f'profile="{url}"')


def test_the_profile_is_fetched_where_the_request_says(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = _file(tmp_path, _raw(_from(f"{server}/profile")))
    options = ["--fetch", "--allow-loopback-profile", "--now", str(NOW)]

    assert main(["explain", request, *options]) == 0
    assert capsys.readouterr().out.startswith(f"accepted: {server}/profile")


def test_the_profile_is_fetched_from_the_url_given(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = _file(tmp_path, _raw(POST))
    options = ["--profile", f"{server}/profile", "--allow-loopback-profile", "--now", str(NOW)]

    assert main(["explain", request, *options]) == 0
    assert f"note: UCP-Agent names {PLATFORM}, not the profile given" in capsys.readouterr().out


def test_a_redirect_is_not_followed(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = _file(tmp_path, _raw(_from(f"{server}/moved")))
    options = ["--fetch", "--allow-loopback-profile", "--now", str(NOW)]

    assert main(["explain", request, *options]) == 1
    assert "  proven  profile-redirects: " in capsys.readouterr().out


def test_nothing_is_fetched_unless_asked_for(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = _file(tmp_path, _raw(_from(f"{server}/profile")))

    assert main(["explain", request, "--allow-loopback-profile", "--now", str(NOW)]) == 1
    assert "  proven  profile-not-given: " in capsys.readouterr().out


def test_loopback_is_not_fetched_from_unless_allowed(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = _file(tmp_path, _raw(POST))

    assert main(["explain", request, "--profile", f"{server}/profile"]) == 2
    assert "--profile: the profile URL's scheme is not https" in capsys.readouterr().err


def _older(name: str, *, talos: bool) -> bytes:
    """Return a vector's request as raw HTTP."""
    file = read_vectors((VECTORS / ("talos.json" if talos else "detached_jws.json")).read_bytes())
    (request,) = (case.request for case in file.cases if case.id == name)
    lines = [f"{request.method} {request.target} HTTP/1.1".encode()]
    lines += [field + b": " + value for field, value in request.headers]
    return b"\r\n".join([*lines, b"", b""]) + request.body


@pytest.mark.parametrize(
    ("case", "scheme"), [("jws-unencoded", "detached-jws"), ("talos-write", "talos")]
)
def test_an_older_scheme_is_judged_as_if_it_were_registered(
    case: str, scheme: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "key.json"
    key.write_text(json.dumps(keys.public_jwk("platform-2026")))
    request = _file(tmp_path, _older(case, talos=scheme == "talos"))
    options = ["--key", str(key), "--now", str(NOW)]

    assert main(["explain", request, *options]) == 1
    assert "  proven  older-scheme: " in capsys.readouterr().out
    assert main(["explain", request, *options, "--allow", scheme]) == 0
    assert capsys.readouterr().out.split("\n")[0].endswith(f", {scheme}")


def test_an_envelope_needs_keys_that_are_pinned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = _file(tmp_path, _older("talos-write", talos=True))

    assert main(["explain", request, "--allow", "talos"]) == 2
    assert "--allow talos needs --key" in capsys.readouterr().err


def test_without_an_agent_nobody_is_registered(
    tmp_path: Path, profile: str, capsys: pytest.CaptureFixture[str]
) -> None:
    request = _file(tmp_path, _raw(POST.replaced("UCP-Agent").without("ucp-agent")))
    options = ["--profile", profile, "--now", str(NOW), "--allow", "detached-jws"]

    assert main(["explain", request, *options]) == 1
    assert "agent-missing" in capsys.readouterr().out
