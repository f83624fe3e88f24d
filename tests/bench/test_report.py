from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

import pytest

from bench.report import BEGIN, END, insert_table, render
from bench.results import Called, Overhead, Results, Step
from bench.verdicts import verdicts
from tests.bench.samples import control, report, sample

if TYPE_CHECKING:
    from bench.results import Sample


def results(gateway: float) -> Results:
    """Return measurements with a limit of 20,000, and 600 and 6,000 for (b) and (c)."""
    rates = {"nginx": 100_000, "gateway-forward": gateway, "starlette": 600, "node": 6_000}
    return Results(
        ecdsa=[25_000],
        samples=[sample(name, rate) for name, rate in rates.items()],
        controls=[control({"401": 10})],
        parts=[],
        steps=[],
        overheads=[],
        calls=[],
    )


def measured(*samples: Sample) -> Results:
    """Return so many samples of one round, and nothing else."""
    return Results([25_000], list(samples), [], [], [], [], [])


def test_the_table_shows_rates_and_ratios() -> None:
    table = render(report(results(10_000))).split("\n\n")[1].splitlines()
    (ours,) = [line for line in table if line.startswith("| **UCP connector**")]
    (other,) = [line for line in table if line.startswith("| (c)")]
    assert ours.split(" | ")[1:3] == ["10,000", "0.50"]
    assert other.split(" | ")[1:4] == ["6,000", "0.30", "1.67"]


def test_reaching_every_aim_passes() -> None:
    found = verdicts(report(results(10_000)))
    assert all(verdict.passed for verdict in found)
    assert [verdict.text.endswith("reached.") for verdict in found[:3]] == [True, True, True]


def test_between_floor_and_aim_passes_and_says_so() -> None:
    found = verdicts(report(results(8_000)))
    assert found[0].passed
    assert found[0].text == (
        "GET, verify and forward: 0.40 the limit (aim 0.50, floor 0.38): above the floor."
    )


def test_below_a_floor_fails() -> None:
    found = verdicts(report(results(5_000)))
    assert [verdict.passed for verdict in found[:3]] == [False, False, False]


def test_a_negative_control_that_came_through_fails() -> None:
    bad = results(10_000)._replace(controls=[control({"401": 9, "200": 1}, reached=1)])
    texts = [verdict.text for verdict in verdicts(report(bad)) if not verdict.passed]
    assert texts == [
        "Negative control: 10 altered requests, NOT all refused; 1 reached the merchant."
    ]


def test_errors_under_load_fail() -> None:
    failing = sample("gateway-unix", 10_000)._replace(errors={"status": 2})
    found = verdicts(report(measured(failing)))
    assert [verdict.text for verdict in found if not verdict.passed] == [
        "ERRORS under load: gateway-unix GET {'status': 2}."
    ]


def test_requests_that_a_verifier_saw_twice_fail() -> None:
    again = sample("gateway-unix", 10_000)._replace(repeated=1)
    found = verdicts(report(measured(again)))
    assert [verdict.text for verdict in found if not verdict.passed] == [
        "REPEATED requests: gateway-unix."
    ]


def test_a_generator_that_was_the_bottleneck_fails() -> None:
    busy = sample("gateway-unix", 10_000)._replace(generator_busy=0.6, merchant_busy=0.35)
    found = verdicts(report(measured(busy)))
    assert [verdict.passed for verdict in found] == [False]


def test_one_core_for_everything_is_said() -> None:
    text = render(report(results(10_000))._replace(other_cores=0))
    assert "not comparable" in text


def test_noise_on_the_contenders_core_is_said() -> None:
    good = results(10_000)
    noisy = [s._replace(core_foreign=0.1) for s in good.samples]
    assert "10%" in render(report(good._replace(samples=noisy)))
    assert "Noise" not in render(report(good))


def test_what_was_not_measured_is_said() -> None:
    text = render(report(results(10_000))._replace(skipped={"node": "node is not there"}))
    assert "Not measured: (c)" in text


def test_the_table_replaces_what_stands_between_the_marks() -> None:
    document = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert insert_table(document, "new\n") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


def test_a_document_without_marks_is_left_alone() -> None:
    with pytest.raises(ValueError, match="bench: begin"):
        insert_table("no marks\n", "new\n")


def test_steps_stand_beside_the_whole_request() -> None:
    steps = [Step("ECDSA P-256", {"GET": 41e-6, "POST": 42e-6})]
    parts = [Step("refused", {"GET": 80e-6, "POST": 90e-6})]
    found = results(10_000)._replace(parts=parts, steps=steps)
    table = render(report(found)).split("\n\n")[-2].splitlines()
    assert table[2:4] == [
        "| refused | 80.0 | 90.0 |",
        "| verified, forwarded and answered, admission left out | 100.0 |  |",
    ]
    assert table[-1] == "| ECDSA P-256 | 41.0 | 42.0 |"


def test_what_costs_too_much_beside_the_bare_operation_fails() -> None:
    kept = Overhead("verifying", "a bare check", [1.2e-6, 1.3e-6, 9e-6], [1e-6] * 3, 1.3)
    exceeded = kept._replace(whole=[1.3e-6, 1.4e-6, 1.5e-6])
    texts: dict[str, bool] = {}
    for each in (kept, exceeded):
        measured = report(results(10_000)._replace(overheads=[each]))
        texts |= {v.text: v.passed for v in verdicts(measured) if "bare check" in v.text}
        assert f"| {each.name} | {median(each.whole) * 1e6:.1f} |" in render(measured)

    assert texts == {
        "Verifying: 1.30 a bare check (at most 1.30): kept.": True,
        "Verifying: 1.40 a bare check (at most 1.30): EXCEEDED.": False,
    }


def test_each_kind_of_store_has_its_own_aim() -> None:
    samples = [
        sample("nginx", 100_000),
        sample("gateway-unix", 9_000),
        sample("gateway-tcp", 6_000),
    ]
    assert {v.text: v.passed for v in verdicts(report(measured(*samples)))} == {
        "GET, with admission, unix socket: 0.45 the limit (aim 0.42, floor 0.31): reached.": True,
        "GET, with admission, TCP: 0.30 the limit (aim 0.42, floor 0.31): BELOW THE FLOOR.": False,
        "The generator's side was at most 20% busy beside what verifies:"
        " it was not the bottleneck.": True,
    }


def test_a_write_that_was_answered_without_the_merchant_fails() -> None:
    sent = sample("gateway-unix", 9_000, method="POST")
    replayed = sample("gateway-tcp", 9_000, method="POST")._replace(reached=8_999)
    texts = {v.text: v.passed for v in verdicts(report(measured(sent, replayed)))}
    assert texts["ANSWERED without the merchant: gateway-tcp."] is False
    assert "9,000 writes were claimed; each was sent to the merchant." in {
        v.text for v in verdicts(report(measured(sent))) if v.passed
    }


def test_the_stores_processor_time_stands_apart_and_on_the_other_side() -> None:
    busy = sample("gateway-unix", 10_000)._replace(store=75e-6)
    (row,) = [
        line for line in render(report(measured(busy))).splitlines() if "unix socket |" in line
    ]
    assert row.split(" | ")[4:6] == ["100.0 µs", "75.0 µs"]
    assert row.split(" | ")[9] == "95%"
    assert [v.passed for v in verdicts(report(measured(busy)))] == [False]


def test_redis_py_stands_beside_the_same_gateway_with_the_same_socket() -> None:
    samples = [sample("gateway-tcp", 6_000), sample("redis-py-tcp", 4_000)]
    text = render(report(measured(sample("gateway-unix", 9_000), *samples)))
    (row,) = [line for line in text.splitlines() if "over redis-py" in line]
    assert row.split(" | ")[3] == "1.50"


def test_calls_over_redis_py_stand_beside_ours() -> None:
    ours = Called("admit a read", "one pipelined connection", "unix", [80_000], [5e-6], [8e-6])
    theirs = Called("admit a read", "redis-py", "unix", [20_000], [40e-6], [10e-6])
    text = render(report(results(10_000)._replace(calls=[ours, theirs])))
    assert (
        "| admit a read | unix | one pipelined connection | 80,000 | 5.0 µs |  | 8.0 µs |" in text
    )
    assert "| admit a read | unix | redis-py | 20,000 | 40.0 µs | 0.12 | 10.0 µs |" in text
