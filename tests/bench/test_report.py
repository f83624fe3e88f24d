from __future__ import annotations

from statistics import median

import pytest

from bench.report import BEGIN, END, insert_table, render, verdicts
from bench.results import Overhead, Results, Step
from tests.bench.samples import control, report, sample


def results(gateway: float) -> Results:
    """Return measurements with a limit of 20,000, and 600 and 6,000 for (b) and (c)."""
    rates = {"nginx": 100_000, "gateway": gateway, "starlette": 600, "node": 6_000}
    return Results(
        ecdsa=[25_000],
        samples=[sample(name, rate) for name, rate in rates.items()],
        controls=[control({"401": 10})],
        parts=[],
        steps=[],
        overheads=[],
    )


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
    assert found[0].text == "GET: 0.40 the limit (aim 0.50, floor 0.38): above the floor."


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
    failing = sample("gateway", 10_000)._replace(errors={"status": 2})
    found = verdicts(report(Results([25_000], [failing], [], [], [], [])))
    assert [verdict.text for verdict in found if not verdict.passed] == [
        "ERRORS under load: gateway GET {'status': 2}."
    ]


def test_requests_that_a_verifier_saw_twice_fail() -> None:
    again = sample("gateway", 10_000)._replace(repeated=1)
    found = verdicts(report(Results([25_000], [again], [], [], [], [])))
    assert [verdict.text for verdict in found if not verdict.passed] == [
        "REPEATED requests: gateway."
    ]


def test_a_generator_that_was_the_bottleneck_fails() -> None:
    busy = sample("gateway", 10_000)._replace(generator_busy=0.6, merchant_busy=0.35)
    found = verdicts(report(Results([25_000], [busy], [], [], [], [])))
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
        "| verified, forwarded and answered: all of it | 100.0 |  |",
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
