"""Commands on models that came from others."""

from collections import Counter
from itertools import compress
from operator import not_
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zoo_analysis.cli.options import (
    SOURCES_HELP,
    AddressOption,
    FormatOption,
    ModelMemoryOption,
    ModelSecondsOption,
    OutOption,
    StoreOption,
    VariantOption,
    size_or_none,
    with_method,
)
from zoo_analysis.cluster.processes.task_limits import MODEL_SECONDS
from zoo_analysis.pairwise.settings import LEVEL
from zoo_analysis.spectra.methods import Method
from zoo_analysis.texts import few

if TYPE_CHECKING:
    import pyarrow as pa

    from zoo_analysis.cluster.comparing.lineage import LineageSummary
    from zoo_analysis.cluster.scanning.deltas import DeltaReport

#: Pairs that are printed where all are of strangers, and remarks.
_PRINTED = 20
#: Layers without a partner that are named; --json has them all.
_NAMED = 10


@with_method
def delta(
    model: Annotated[str, typer.Argument(metavar="MODEL", help=SOURCES_HELP)],
    how: Method,
    base: Annotated[
        str | None,
        typer.Option(help="The model that it came from.", show_default="what its card names"),
    ] = None,
    variant: VariantOption = "",
    device: Annotated[str, typer.Option(help="Where to compute: cpu or cuda.")] = "cpu",
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Measure what a model changed of its base, layer by layer, and commit it to the store."""
    from zoo_analysis.cli.output import write_report
    from zoo_analysis.cli.telling.progress import SCANNED, Bar, RunCounter
    from zoo_analysis.cluster.scanning.deltas import delta as run

    with Bar("measuring") as bar:
        counter = RunCounter(bar, SCANNED, by_bytes=True)
        told = run(
            model,
            base,
            store,
            how,
            variant=variant,
            device=device,
            on_event=counter.on_event,
            on_start=counter.on_start,
        )
    write_report(told.as_dict(), told.layers, lambda: _print_delta(told), format, output)


def _print_delta(told: "DeltaReport") -> None:
    from zoo_analysis.cli.output import counted, say, write_table
    from zoo_analysis.cluster.scanning.deltas import READER_COLUMNS

    kind = "adapter of" if told.adapter else "less"
    say(f"{told.repo_id} @ {told.revision} {kind} {told.base} @ {told.base_revision}")
    write_table(told.layers.select(READER_COLUMNS), "table")
    for what, names in (
        ("that the base does not have, or in another shape", told.added),
        ("of the base that the model does not have, or in another shape", told.dropped),
    ):
        if names:
            say(f"{counted(len(names), 'layer')} {what}: {few(names, _NAMED)}")
    if told.layers["relative_change"].null_count == 0 and not any(
        told.layers["relative_change"].to_pylist()
    ):
        say("nothing changed: all of these layers are equal to those of the base")
    for note, count in Counter(told.layers["note"].drop_null().to_pylist()).most_common():
        say(f"{counted(count, 'layer')}: {note}")
    say(f"store {told.store}, method {told.method}")


def lineage(
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE...]", help=SOURCES_HELP)
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="All models that the store's scans were of.")
    ] = False,
    level: Annotated[
        float,
        typer.Option(help="Chance of a false alarm among all pairs together."),
    ] = LEVEL,
    address: AddressOption = None,
    model_seconds: ModelSecondsOption = MODEL_SECONDS,
    model_memory: ModelMemoryOption = None,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Tell from weights alone whether models came from one another, or from one parent."""
    from zoo_analysis.cli.output import write_report
    from zoo_analysis.cli.telling.progress import SCANNED, Bar, RunCounter
    from zoo_analysis.cluster.comparing.lineage import lineage as run
    from zoo_analysis.errors import ZooError

    if all_ == bool(sources):
        raise ZooError("name the models, or all of the store's with --all")
    with Bar("reading") as bar:
        counter = RunCounter(bar, SCANNED, by_bytes=True)
        told = run(
            sources or (),
            store,
            level=level,
            address=address,
            model_seconds=model_seconds,
            model_memory=size_or_none(model_memory),
            on_event=counter.on_event,
            on_start=counter.on_start,
        )
    write_report(told.as_dict(), told.rows, lambda: _print_lineage(told), format, output)
    if told.failed:
        raise typer.Exit(3)


def _print_lineage(told: "LineageSummary") -> None:
    from zoo_analysis.cli.output import counted, say, write_table

    pairs = _by_pair(told.rows)
    noted = [len(pairs) <= _PRINTED or row["related"] or row["declared"] for row in pairs]
    shown = [*compress(pairs, noted)]
    rest = [*compress(pairs, map(not_, noted))]
    if shown:
        import pyarrow as pa

        write_table(pa.Table.from_pylist(shown), "table")
    say(
        f"{counted(told.related, 'pair')} of {told.pairs:,} kin, {told.undeclared} of them not "
        f"declared; {told.unrelated} declared and not kin; {told.undecided} not to be told; "
        f"{told.failed} failed; {counted(told.read, 'model')} read in {told.seconds:.1f} s"
    )
    if rest:
        untold = sum(row["related"] is None for row in rest)
        strangers = counted(len(rest) - untold, "pair")
        say(
            f"not shown: {strangers} of strangers; {counted(untold, 'pair')} of which the weights "
            "cannot tell; --json has all"
        )
    new = told.pairs - told.known
    apart = f", {told.incompatible} of these without a layer in common" * bool(told.incompatible)
    say(f"{counted(told.known, 'pair')} known, {new} new{apart}")
    for repo_id, text in told.remarks[:_PRINTED]:
        say(f"{repo_id}: {text}")
    if len(told.remarks) > _PRINTED:
        say(f"{len(told.remarks) - _PRINTED} more such remarks: --json has all")
    say(f"store {told.store}; level {told.level:g} over all pairs")
    for failed in told.failures:
        say(f"failed: {failed.ref.repo_id} ({failed.stage}): {failed.message}")


def _by_pair(rows: "pa.Table") -> list[dict[str, Any]]:
    """A row a pair, of the rows of its measures."""
    out: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows.to_pylist():
        key = tuple(row[name] for name in ("repo_id_a", "revision_a", "repo_id_b", "revision_b"))
        pair = out.setdefault(key, {"a": key[0], "b": key[2], "related": None})
        if row["measure"] == "units":
            pair |= {"in_place": row["value"], "log10_p": row["log10_p"], "p_holm": row["p_holm"]}
        elif row["measure"] == "kinship":
            pair |= {name: row[name] for name in ("related", "parent", "declared", "reason")}
        elif row["measure"] == "spearman":
            pair |= {"spearman": row["value"], "spearman_log10_p": row["log10_p"]}
        else:
            pair[row["measure"]] = row["value"]
    columns = [*("a", "b", "related", "parent", "declared", "in_place", "log10_p", "p_holm")]
    columns += ("spearman", "spearman_log10_p", "aligned_cka", "distance", "reason")
    return [{name: pair.get(name) for name in columns} for pair in out.values()]
