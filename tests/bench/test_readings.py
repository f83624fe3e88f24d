from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.load import parse
from bench.machine import BenchError, parse_speed
from bench.processor import parse_stat

ROOT = Path(__file__).resolve().parents[2]

SPEED = """\
+DTP:256:verify:ecdsa:1
+R6:25304:256:1.00
+F4:3:256:73850.000000:25304.000000
"""

RESULT = (
    "Running 1s test @ http://127.0.0.1:1\n"
    'RESULT {"requests":500,"microseconds":1000000,"p50":1500,"p99":9000,"connect":0,"read":2,'
    '"write":0,"timeout":0,"status":1,"wraps":3,"statuses":{"200":499,"401":1}}\n'
)


def test_the_rate_of_verifications_is_read() -> None:
    assert parse_speed(SPEED) == 25304.0


def test_a_speed_report_without_p_256_is_an_error() -> None:
    with pytest.raises(BenchError, match="P-256"):
        parse_speed("+F4:4:384:1.0:2.0\n")


def test_processor_time_counts_ended_children() -> None:
    fields = "S 7 1 1 0 -1 0 0 0 0 0 100 20 3 4 20 0 1 0 55"
    assert parse_stat(f"12 (a) b ) {fields}\n") == (7, 127)


def test_the_generators_result_is_read() -> None:
    load = parse(RESULT, 0.25)
    assert (load.requests, load.seconds, load.p50, load.p99) == (500, 1.0, 0.0015, 0.009)
    assert load.errors == {"read": 2, "status": 1}
    assert load.statuses == {"200": 499, "401": 1}
    assert (load.wraps, load.generator) == (3, 0.25)


def test_a_generator_that_says_nothing_is_an_error() -> None:
    with pytest.raises(BenchError, match="result"):
        parse("unable to connect\n", 0.0)


def test_the_node_lock_pins_by_content_and_names_no_address() -> None:
    lock = json.loads((ROOT / "bench/node/package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    for entry in packages.values():
        assert "integrity" in entry
        assert "resolved" not in entry
