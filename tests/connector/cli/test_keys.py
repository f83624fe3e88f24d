from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from canonical import load_key_set
from connector.cli.main import main
from connector.signing.key_file import load_keys
from connector.signing.key_ring import KEPT, LEAD, signing_key

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION = """
merchants:
  - id: shop
    authorities: [shop.example.com]
    upstream: {url: "http://127.0.0.1:8182"}
  - id: other
    authorities: [other.example.com]
    upstream: {url: "http://127.0.0.1:8183"}
    signing: {keys: other-keys.json}
"""


class Command:
    """The command in a folder with a configuration, and what it last said."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.path = folder / "keys.json"
        self.config = folder / "connector.yaml"
        self.config.write_text(CONFIGURATION)
        self._capsys = capsys

    def __call__(self, *words: str, status: int = 0) -> str:
        assert main(["keys", *words, "-c", str(self.config)]) == status
        out, err = self._capsys.readouterr()
        assert err.count("\n") == (status != 0)
        for path in self.folder.glob("*keys.json"):
            for entry in json.loads(path.read_bytes())["keys"]:
                assert entry["d"] not in out + err
        return err if status else out

    def json(self, *words: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self(*words, "--json"))
        return found


@pytest.fixture
def keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, capsys)


def test_generate_makes_a_file_whose_key_signs(keys: Command) -> None:
    said = keys("generate")
    (key,) = load_keys(keys.path)
    assert said == f"{keys.path}: made; {key.kid} signs\n"
    assert keys.path.stat().st_mode & 0o777 == 0o600
    assert signing_key([key], time.time()) is key
    assert key.key.algorithm == "ES256"


def test_generate_leaves_a_file_that_is_there(keys: Command) -> None:
    keys("generate")
    before = keys.path.read_bytes()
    assert "is there already" in keys("generate", status=1)
    assert keys.path.read_bytes() == before


def test_another_algorithm_can_be_asked_for(keys: Command) -> None:
    keys("generate", "--algorithm", "EdDSA")
    assert load_keys(keys.path)[0].key.algorithm == "Ed25519"
    assert main(["keys", "generate", "-c", str(keys.config), "--algorithm", "HS256"]) == 2


def test_a_merchants_own_file_is_chosen_by_its_id(keys: Command) -> None:
    keys("generate", "--merchant", "other")
    assert not keys.path.exists()
    keys("generate", "--merchant", "shop")
    assert keys.path.exists()
    first, second = keys.json("list"), keys.json("list", "--merchant", "other")
    assert first["keys"] != second["keys"]
    assert second["file"] == str(keys.folder / "other-keys.json")


def test_an_unknown_merchant_is_wrong_usage(keys: Command) -> None:
    assert "no merchant is called 'nobody'" in keys("list", "--merchant", "nobody", status=2)


@pytest.mark.parametrize("action", [["list"], ["export"], ["rotate"], ["retire", "k"]])
def test_a_missing_file_is_one_line(action: list[str], keys: Command) -> None:
    assert "No such file" in keys(*action, status=1)


def test_a_file_that_others_may_read_is_one_line(keys: Command) -> None:
    keys("generate")
    keys.path.chmod(0o644)
    for action in ("list", "rotate"):
        assert f"chmod 600 {keys.path}" in keys(action, status=1)


def test_a_bad_configuration_is_one_line(keys: Command) -> None:
    keys.config.write_text("merchants: []")
    assert "merchants" in keys("list", status=1)


def test_rotate_publishes_now_and_signs_later(keys: Command) -> None:
    keys("generate")
    (old,) = load_keys(keys.path)
    before = int(time.time())
    said = keys("rotate")
    kept, new = load_keys(keys.path)
    assert new.active == new.published + LEAD == kept.retired
    assert new.published >= before
    assert kept.kid == old.kid
    assert said.startswith(f"{new.kid} is published and signs from 2")
    lines = keys("list").splitlines()
    assert lines[0].split() == ["kid", "alg", "state"]
    assert lines[1].split()[:3] == [old.kid, "ES256", "active"]
    assert "signs since" in lines[1]
    assert lines[2].split()[:3] == [new.kid, "ES256", "published"]
    assert "signs from" in lines[2]


def test_export_prints_what_is_published_and_nothing_private(keys: Command) -> None:
    keys("generate")
    keys("rotate", "--algorithm", "ES384")
    exported = json.loads(keys("export"))
    assert exported == keys.json("export")
    stored = load_keys(keys.path)
    assert [key.thumbprint for key in load_key_set(exported)] == [
        each.key.thumbprint for each in stored
    ]
    assert not [entry for entry in exported["keys"] if "d" in entry or "published" in entry]


def test_retire_needs_a_successor(keys: Command) -> None:
    keys("generate")
    (key,) = load_keys(keys.path)
    assert "no other key would sign" in keys("retire", key.kid, status=1)


def test_a_retired_key_stays_published_for_seven_days(keys: Command) -> None:
    keys("generate")
    keys("rotate")
    old, new = load_keys(keys.path)
    assert "retired or revoked already" in keys("retire", old.kid, status=1)
    keys("rotate")
    _, _, newest = load_keys(keys.path)
    assert newest.retired is None
    listed = keys.json("list")["keys"]
    assert [each["retired"] is not None for each in listed] == [True, True, False]
    assert "no other key" in keys("retire", newest.kid, status=1)
    assert KEPT == 7 * 24 * 3600
    assert new.kid in keys("list")


def test_retire_hands_over_to_a_key_that_can_sign(keys: Command) -> None:
    keys("generate")
    keys("generate", "--merchant", "other")
    (first,) = json.loads(keys.path.read_bytes())["keys"]
    (second,) = json.loads((keys.folder / "other-keys.json").read_bytes())["keys"]
    keys.path.write_text(json.dumps({"keys": [first, second]}))
    said = keys("retire", first["kid"])
    assert said.startswith(f"{first['kid']} signs no longer and stays published until 2")
    assert [each["signs"] for each in keys.json("list")["keys"]] == [False, True]
    assert "published until" in keys("list").splitlines()[1]


def test_revoke_withdraws_at_once_and_leaves_one_that_signs(keys: Command) -> None:
    keys("generate")
    (key,) = load_keys(keys.path)
    said = keys("revoke", key.kid[:6])
    revoked, fresh = load_keys(keys.path)
    assert said.splitlines() == [
        f"{key.kid} is revoked: it neither signs nor is published",
        f"{fresh.kid} signs at once; platforms find it when they refresh the profile",
    ]
    assert revoked.state(time.time()) == "revoked"
    assert [entry["kid"] for entry in json.loads(keys("export"))["keys"]] == [fresh.kid]
    assert "revoked" in keys("list").splitlines()[1]
    assert "revoked already" in keys("revoke", key.kid, status=1)


def test_revoking_a_successor_tells_of_the_next_one(keys: Command) -> None:
    keys("generate")
    keys("rotate")
    _, new = load_keys(keys.path)
    said = keys("revoke", new.kid).splitlines()
    old, _, fresh = load_keys(keys.path)
    assert said[1].startswith(f"{fresh.kid} is published and signs from 2")
    assert old.retired == fresh.active


def test_a_kid_that_begins_with_a_hyphen_is_given_behind_two(keys: Command) -> None:
    keys("generate")
    stored = json.loads(keys.path.read_bytes())
    stored["keys"][0]["kid"] = "-1"
    keys.path.write_text(json.dumps(stored))
    assert main(["keys", "revoke", "-c", str(keys.config), "--", "-1"]) == 0
    assert load_keys(keys.path)[0].revoked is not None


def test_a_kid_may_be_shortened_as_long_as_it_is_one(keys: Command) -> None:
    keys("generate")
    stored = json.loads(keys.path.read_bytes())
    entry = stored["keys"][0]
    keys("generate", "--merchant", "other")
    other = json.loads((keys.folder / "other-keys.json").read_bytes())["keys"][0]
    pair = [{**entry, "kid": "key-1"}, {**other, "kid": "key-10"}]
    keys.path.write_text(json.dumps({"keys": pair}))
    assert "several keys begin with 'key'" in keys("revoke", "key", status=1)
    assert "no key begins with 'x'" in keys("revoke", "x", status=1)
    assert keys("revoke", "key-1").startswith("key-1 is revoked")


def test_every_state_is_told_by_its_times(keys: Command) -> None:
    now = int(time.time())
    entries = []
    for number, times in enumerate(
        (
            {"published": now + 99},
            {"published": now - 9, "active": now + 99},
            {"active": now - 5},
            {"active": now - 2},
            {"active": now - 9, "retired": now + 99},
            {"retired": now - 1},
            {"retired": now - KEPT - 9},
            {"revoked": now - 1},
        )
    ):
        (keys.folder / "other-keys.json").unlink(missing_ok=True)
        keys("generate", "--merchant", "other")
        (made,) = json.loads((keys.folder / "other-keys.json").read_bytes())["keys"]
        jwk = {name: made[name] for name in ("kty", "crv", "x", "y", "d")}
        entries.append({**jwk, "kid": f"k{number}", **times})
    keys.path.write_text(json.dumps({"keys": entries}))
    keys.path.chmod(0o600)
    lines = keys("list").splitlines()[1:]
    assert [line.split()[2] for line in lines] == [
        "planned",
        "published",
        "active",
        "active",
        "active",
        "retired",
        "ended",
        "revoked",
    ]
    meanings = (
        "published from",
        "signs from",
        "could sign; a younger one does",
        "signs since",
        "a younger one signs",
        "published until",
        "since",
        "since",
    )
    for line, meaning in zip(lines, meanings, strict=True):
        assert meaning in line
