"""`zoo plan`: what a scan would do, as a table."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import typer
from rich.console import Console

from zoo_analysis.cluster.forecast import Plan, forecast
from zoo_analysis.commands.options import Format
from zoo_analysis.report.tables import write_table
from zoo_analysis.sources import resolve_sources
from zoo_analysis.spectra import Method
from zoo_analysis.store import open_store

_COLUMNS = pa.schema(
    [
        ("repo_id", pa.string()),
        ("revision", pa.string()),
        ("source", pa.string()),
        ("layers", pa.int64()),
        ("read_bytes", pa.int64()),
        ("gram_flops", pa.float64()),
        ("eigen_flops", pa.float64()),
        ("peak_bytes", pa.int64()),
        ("seconds", pa.float64()),
        ("skipped", pa.string()),
    ]
)


def run_plan(
    sources: Sequence[str],
    store: str | None,
    how: Method,
    address: str | None = None,
    format: Format = "table",
    output: Path | None = None,
    json_: bool = False,
) -> Plan:
    """Print the plan of a scan of `sources`."""
    resolved = resolve_sources(sources)
    known = frozenset(open_store(store).committed())
    plan = forecast(resolved.refs, resolved.problems, known, how, address)
    if json_:
        typer.echo(json.dumps(plan.as_dict()))
        return plan
    rows = [{name: getattr(model, name) for name in _COLUMNS.names} for model in plan.models]
    for row in rows:
        row["skipped"] = row["skipped"] or None
    write_table(pa.Table.from_pylist(rows, schema=_COLUMNS), format, output)
    if format == "table" and output is None:
        _print_totals(plan)
    return plan


def _print_totals(plan: Plan) -> None:
    totals = plan.as_dict()["totals"]
    scanned = sum(bool(model.layers) for model in plan.models)
    Console(soft_wrap=True, highlight=False).print(
        f"\n{scanned} of {len(plan.models)} models, {totals['layers']} layers, "
        f"{totals['read_bytes'] / 1e9:.2f} GB to read, "
        f"{totals['gram_flops'] + totals['eigen_flops']:.2e} multiply-adds, "
        f"{totals['peak_bytes'] / 1e9:.2f} GB for the largest layer; "
        f"about {_duration(plan.seconds)} on {plan.cpus} cores"
    )


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
