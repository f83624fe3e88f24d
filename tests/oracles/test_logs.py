from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from connector.audit.files import Directory
from connector.audit.verification import verify
from tests.connector.audit.log_files import VERIFIER
from tests.oracles.logs import Judged, Log, as_table, judge_logs, make_logs
from tests.oracles.programs import tlog_scales_oracle
from tests.oracles.verdicts import REFUSED, VERIFIED, Verdict

SIZES = (1, 256, 257)


def test_logs_have_the_sizes_that_they_are_to_have(tmp_path: Path) -> None:
    logs = make_logs(tmp_path, SIZES)
    good = [log for log in logs if log.expected == VERIFIED]
    assert tuple(verify(Directory(log.folder), [VERIFIER]).size for log in good) == SIZES
    assert [len(log.saved) for log in good] == [0, 1, 2]


@pytest.mark.skipif(
    importlib.util.find_spec("tlog_scales") is None,
    reason="tlog-scales is not installed (`make oracles` installs it)",
)
def test_another_implementation_judges_our_logs_as_we_do() -> None:
    judged = judge_logs([tlog_scales_oracle()], SIZES)
    assert [line for each in judged for line in each.disagreements()] == []
    assert {each.log.expected for each in judged} == {VERIFIED, REFUSED}


def test_an_altered_log_that_is_taken_for_good_is_a_disagreement() -> None:
    said = {"one": Verdict(VERIFIED, ""), "two": Verdict(REFUSED, "why")}
    judged = Judged(Log(1000, "altered", REFUSED, Path()), said)
    assert judged.disagreements() == [
        "1000 records, altered: one says verified (), expected refused"
    ]
    assert as_table([judged]) == [
        ["log", "records", "one", "two"],
        ["altered", "1,000", "verified", "refused"],
    ]
