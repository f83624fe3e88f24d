"""``sign --vector``: what it writes passes, holds a key only if told to, and spoils nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from connector.cli.main import main
from connector.diagnosis.generator.keys import private_jwk

URL = "https://shop.example.com/checkout-sessions?x=1"
PROFILE = "https://platform.example/.well-known/ucp"
VECTORS = Path(__file__).resolve().parents[3] / "vectors"
SECRET = private_jwk("platform-2026")["d"]


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    return _key(tmp_path, private_jwk("platform-2026"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "cases.json"


def _key(folder: Path, jwk: dict[str, Any]) -> str:
    path = folder / f"{jwk['kid']}.json"
    path.write_text(json.dumps(jwk))
    return str(path)


def _add(
    file: Path, key_file: str, *argv: str, id_: str = "mine", url: str = URL, method: str = "POST"
) -> int:
    told = ["--id", id_, "--description", "A case.", "--rule", "signatures.md"]
    where = ["--vector", str(file), "--include-test-key"]
    profile = ["--profile", PROFILE]
    return main(["sign", method, url, "--key", key_file, *profile, *where, *told, *argv])


def _read(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(file.read_bytes())
    return document


@pytest.mark.parametrize(
    "argv",
    [
        ["--data", '{"a":"é"}'],
        ["--data", "{}", "--created", "1767225600", "--expires", "+60", "--label", "other"],
        ["--created", "none"],
        ["--header", "Host: SHOP.example.com:443"],
        ["--keyid", "another-name"],
    ],
)
def test_what_is_written_passes(file: Path, key_file: str, argv: list[str]) -> None:
    assert _add(file, key_file, *argv) == 0
    assert main(["vectors", "run", str(file)]) == 0


@pytest.mark.parametrize(
    ("argv", "method", "path"),
    [
        (["--scheme", "detached-jws", "--data", '{"a":"é"}'], "POST", "/checkout-sessions"),
        (
            ["--scheme", "detached-jws", "--b64", "--data", "{}"],
            "POST",
            "/ucp/v1/checkout-sessions",
        ),
        (["--scheme", "detached-jws"], "GET", "/checkout-sessions/chk_1"),
        (["--scheme", "talos", "--data", "{}"], "POST", "/checkout-sessions/chk_1/cancel"),
        (["--scheme", "talos"], "GET", "/ucp/v1/checkout-sessions/chk_1"),
    ],
)
def test_a_case_of_an_older_scheme_registers_its_platform(
    file: Path, key_file: str, argv: list[str], method: str, path: str
) -> None:
    assert _add(file, key_file, *argv, url=f"https://shop.example.com{path}", method=method) == 0
    assert main(["vectors", "run", str(file)]) == 0
    (case,) = _read(file)["cases"]
    assert case["expect"]["scheme"] == argv[1]
    assert case["expect"]["label"] == ""


def test_what_was_signed_must_be_text(
    file: Path, key_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"\xff")
    argv = ["--scheme", "detached-jws", "--data", f"@{body}"]
    assert _add(file, key_file, *argv) == 2
    assert "sign it with --b64" in capsys.readouterr().err
    assert _add(file, key_file, *argv, "--b64") == 0


def test_an_older_scheme_has_no_edwards_keys(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file = _key(tmp_path, private_jwk("platform-ed25519"))
    assert _add(file, key_file, "--scheme", "talos") == 1
    assert "it would be refused: algorithm_unsupported" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "argv", "settings"),
    [
        (URL, [], None),
        (
            "http://flowers.example:8080/ucp/v1/carts",
            [],
            {
                "authorities": ["flowers.example:8080"],
                "scheme": "http",
                "endpoints": {"rest": "/ucp/v1", "mcp": "off"},
            },
        ),
        (
            "https://shop.example.com/carts/carts",
            ["--endpoint", "/carts"],
            {"endpoints": {"rest": "/carts", "mcp": "off"}},
        ),
        (
            "https://shop.example.com/ucp/mcp",
            ["--data", '{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'],
            {"endpoints": {"rest": "off", "mcp": "/ucp/mcp"}},
        ),
    ],
)
def test_the_merchant_is_told_by_the_url(
    file: Path, key_file: str, url: str, argv: list[str], settings: dict[str, Any] | None
) -> None:
    assert _add(file, key_file, *argv, url=url) == 0
    (case,) = _read(file)["cases"]
    assert case.get("settings") == settings


def test_a_case_is_added_behind_the_others_and_changes_none(
    file: Path, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (VECTORS / "requests.json").read_bytes()
    file.write_bytes(before)
    file.chmod(0o640)
    count = len(_read(file)["cases"])

    assert _add(file, key_file) == 0
    assert f"case 'mine' added, {count + 1} in all" in capsys.readouterr().err
    # Every line that was there is there, but for the end of the list.
    assert file.read_bytes().startswith(before[: before.rindex(b"\n  }\n ]\n}")])
    assert file.stat().st_mode & 0o777 == 0o640
    assert main(["vectors", "run", str(file)]) == 0


def test_a_second_key_goes_into_the_same_profile(file: Path, key_file: str, tmp_path: Path) -> None:
    assert _add(file, key_file) == 0
    assert _add(file, _key(tmp_path, private_jwk("platform-ed25519")), id_="other") == 0

    document = _read(file)
    assert list(document["keys"]) == ["platform-2026", "platform-ed25519"]
    published = document["documents"][PROFILE]["json"]["keys"]
    assert [entry["kid"] for entry in published] == ["platform-2026", "platform-ed25519"]
    assert all("d" not in entry for entry in published)


def test_a_private_key_is_never_written_unless_that_is_asked_for(
    file: Path, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["sign", "GET", URL, "--key", key_file, "--profile", PROFILE, "--vector", str(file)]
    assert main([*argv, "--id", "a", "--description", "b", "--rule", "c"]) == 2

    captured = capsys.readouterr()
    assert not file.exists()
    assert "--include-test-key" in captured.err
    assert SECRET not in captured.out + captured.err


def test_nothing_but_the_key_itself_goes_into_the_file(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file = _key(tmp_path, {**private_jwk("platform-2026"), "state": "active", "note": "hush"})
    assert _add(file, key_file) == 0

    assert set(_read(file)["keys"]["platform-2026"]) == {"kid", "kty", "crv", "alg", "x", "y", "d"}
    captured = capsys.readouterr()
    assert "it holds the private key 'platform-2026'" in captured.err
    assert SECRET not in captured.out + captured.err


@pytest.mark.parametrize("missing", ["--id", "--description", "--rule"])
def test_a_case_without_words_is_refused(
    file: Path, key_file: str, missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [word for each in ("--id", "--description", "--rule") if each != missing
            for word in (each, "x")]  # fmt: skip
    argv = ["sign", "GET", URL, "--key", key_file, "--vector", str(file), "--include-test-key"]
    assert main([*argv, *told]) == 2
    assert f"--vector needs {missing}" in capsys.readouterr().err


def test_words_without_a_file_are_refused(
    key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sign", "GET", URL, "--key", key_file, "--id", "x"]) == 2
    assert "--id needs --vector" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "url", "status", "says"),
    [
        (["--component", "@method"], URL, 1, "it would be refused: signature_invalid"),
        ([], "https://shop.example.com/nothing", 1, "it would be refused: unknown_operation"),
        (["--header", "Host: two.example, three.example"], URL, 2, "authority"),
        (["--header", "UCP-Agent: profile=1"], URL, 2, "profile"),
        (["--header", "UCP-Agent: profile="], URL, 2, "dictionary"),
    ],
)
def test_a_request_that_does_not_pass_becomes_no_case(
    file: Path,
    key_file: str,
    argv: list[str],
    url: str,
    status: int,
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert _add(file, key_file, *argv, url=url) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err
    assert captured.err.count("\n") == 1
    assert not file.exists()


def test_without_a_profile_there_is_no_key_to_verify_with(
    file: Path, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = ["--id", "a", "--description", "b", "--rule", "c", "--include-test-key"]
    assert main(["sign", "GET", URL, "--key", key_file, "--vector", str(file), *told]) == 2
    assert "give --profile" in capsys.readouterr().err


def _refused(file: Path, key_file: str, status: int, id_: str = "mine") -> None:
    before = file.read_bytes()
    assert _add(file, key_file, id_=id_) == status
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.glob(".*")] == []


def test_an_id_is_used_once(file: Path, key_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _add(file, key_file) == 0
    _refused(file, key_file, 2)
    assert 'case "mine" occurs twice' in capsys.readouterr().err


def test_a_key_name_stands_for_one_key(
    file: Path, key_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _add(file, key_file) == 0
    other = _key(tmp_path, {**private_jwk("stranger"), "kid": "platform-2026"})
    _refused(file, other, 2)
    assert "another key with the name 'platform-2026'" in capsys.readouterr().err


def test_a_case_that_would_turn_another_one_is_refused(
    file: Path, key_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _add(file, key_file) == 0
    document = _read(file)
    # A case that rests on the profile's not having the key.
    stranger = _key(tmp_path, private_jwk("stranger"))
    other = tmp_path / "other.json"
    assert _add(other, stranger, id_="unknown-key") == 0
    case = _read(other)["cases"][0]
    case["expect"] = {"decision": "reject", "code": "key_not_found"}
    document["cases"].append(case)
    file.write_text(json.dumps(document))
    assert main(["vectors", "run", str(file)]) == 0

    _refused(file, stranger, 1, "third")
    assert "case 'unknown-key' would not pass" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not JSON"),
        (b"{}", "format"),
        (
            json.dumps(
                {
                    "format": "ucp-signature-vectors/1",
                    "title": "",
                    "spec": "",
                    "keys": {},
                    "documents": {PROFILE: {"status": 503}},
                    "cases": [],
                }
            ).encode(),
            "is no profile with keys",
        ),
    ],
)
def test_a_file_that_cannot_be_added_to_stays_as_it_was(
    content: bytes, says: str, file: Path, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(content)
    _refused(file, key_file, 2)
    assert says in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_one_clear_line(
    tmp_path: Path, key_file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _add(tmp_path / "nowhere" / "cases.json", key_file) == 2
    assert "No such file or directory" in capsys.readouterr().err
