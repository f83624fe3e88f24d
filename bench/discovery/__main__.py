"""``python -m bench.discovery``: flood a gateway with unknown profiles and print the table."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench.__main__ import RESULTS, on_sigterm, tell
from bench.contenders import Place
from bench.discovery.results import DEFAULT, MOST, table
from bench.discovery.run import Plan, measure
from bench.machine import BenchError, choose_cores

if TYPE_CHECKING:
    from collections.abc import Sequence

_BUDGETS: Final = (DEFAULT, "1000/s")
"""With the second one every stranger is let through, so that bounds are met."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0 if what must hold does, 1 if not, 2 if it cannot run."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, on_sigterm)
    plan = Plan(options.profiles, options.rate, options.rounds, options.cap)
    try:
        with tempfile.TemporaryDirectory(prefix="ucp-bench-") as folder:
            floods = []
            for number, budget in enumerate(_BUDGETS):
                home = Path(folder) / str(number)
                home.mkdir()
                floods.append(measure(Place(home, choose_cores()), plan, budget, tell))
    except (BenchError, RuntimeError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: ended before its end", file=sys.stderr)
        return 130
    tell("")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    found = json.dumps([flood._asdict() for flood in floods])
    options.output.write_text(found + "\n", encoding="utf-8")
    print(
        f"Run of {datetime.now(UTC).date().isoformat()}: {plan.rounds} rounds, {plan.rate}"
        " strangers a second beside two known platforms; one worker on one core.\n\n"
        f"{table(floods)}"
    )
    for flood in floods:
        if not flood.within():
            print(f"\nbudget {flood.budget}: a ratio above {MOST}, or a bound that did not hold")
    return 0 if all(flood.within() for flood in floods) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.discovery", description=__doc__)
    parser.add_argument("--profiles", type=int, default=10_000, help="strangers (default 10000)")
    parser.add_argument("--rate", type=int, default=200, help="of them a second (default 200)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--cap", type=int, default=200, help="cache_entries (default 200)")
    parser.add_argument(
        "--output",
        type=Path,
        default=RESULTS.with_name("discovery.json"),
        help="JSON file for the results",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
