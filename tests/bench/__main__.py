"""Run benchmarks, print their table, write it as JSON to bench-results/."""

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

#: Name → module and how often each timing is repeated.
BENCHMARKS = {
    "fits": ("fits", 5),
    "overhead": ("overhead", 3),
    "memory": ("memory", 1),
    "hub": ("hub", 3),
    "zoo": ("against_weightwatcher", 3),
    "store": ("store_growth", 5),
    "similarity": ("similarity", 5),
    "startup": ("startup", 5),
    "workers": ("workers", 3),
    "report": ("report", 1),
    "columns": ("columns", 5),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    names = parser.parse_args().names or list(BENCHMARKS)
    rows = []
    for name in names:
        module, runs = BENCHMARKS[name]
        rows += import_module(f"tests.bench.{module}").run(runs)
    table = Table("benchmark", "case", "ours", "other", "ratio", "target", "runs", "note")
    for row in rows:
        values = asdict(row).values()
        table.add_row(*(f"{v:.4g}" if isinstance(v, float) else str(v) for v in values))
    Console(width=170).print(table)
    results = Path("bench-results")
    results.mkdir(exist_ok=True)
    file = results / f"{datetime.now(UTC):%Y%m%dT%H%M%S}.json"
    file.write_text(json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False))
    Console().print(f"written to {file}")


if __name__ == "__main__":
    main()
