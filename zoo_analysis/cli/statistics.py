"""Commands that ask how metrics and accuracies go together."""

from typing import TYPE_CHECKING, Annotated

import typer

from zoo_analysis.answers.defaults import (
    ACCURACY,
    BY,
    LEVEL,
    MIN_MODELS,
    QUALITY,
    RANKED_BY,
    By,
    Quality,
)
from zoo_analysis.cli.options import FormatOption, OutOption, StoreOption

if TYPE_CHECKING:
    from zoo_analysis.answers.comparison.two_models import ModelComparison

MetricOption = Annotated[
    list[str] | None, typer.Option("--metric", help="Metric of `summaries`; repeatable.")
]
PredictorOption = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        help="Metric of `summaries`, or likeness:MEASURE:REFERENCE; repeatable; all for every one.",
    ),
]
DatasetOption = Annotated[str | None, typer.Option(help="Only accuracies on this data set.")]
AccuracyOption = Annotated[
    str | None, typer.Option(help="Only this kind of accuracy: top1, top5, f1, ….")
]
MethodOption = Annotated[str | None, typer.Option(help="Only methods whose id begins with this.")]
QualityOption = Annotated[
    Quality, typer.Option(help="Layers that are averaged: all, or those with a clear tail.")
]
WhereOption = Annotated[
    str | None,
    typer.Option(metavar="SQL", help="Only models for which this holds, e.g. 'parameters > 1e7'."),
]

#: Columns of a comparison by metric: of the models' averages, and of their layers.
_AVERAGES = ("metric", "a", "b", "difference", "better")
_COUNTS = ("metric", "layers", "layers_a_lower", "layers_b_lower", "wilcoxon_p")


def regress(
    metric: PredictorOption = None,
    dataset: DatasetOption = None,
    accuracy: AccuracyOption = None,
    by: Annotated[By, typer.Option(help="One regression a series or library, or over all.")] = BY,
    where: WhereOption = None,
    min_models: Annotated[int, typer.Option(help="Fewest models of a regression.")] = MIN_MODELS,
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Across series: mixed effects beside the pooled line.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Also keep the rows in the table `regressions`.")
    ] = False,
    method: MethodOption = None,
    quality: QualityOption = QUALITY,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Regress reported accuracies on metrics, and say how sure one can be."""
    from zoo_analysis.answers import regressions
    from zoo_analysis.cli.output import write_table

    table = regressions.regress(
        store,
        metric or (),
        dataset,
        by,
        method,
        accuracy=accuracy,
        where=where,
        min_models=min_models,
        mixed=mixed,
        keep=keep,
        quality=quality,
    )
    if format in ("table", "markdown") and not mixed:
        table = table.select(regressions.READER_COLUMNS)
    write_table(table, format, output)


def predict(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Only these (repository ids, or unique parts), without what is reported of them; "
            "else all without a report.",
        ),
    ] = None,
    dataset: DatasetOption = None,
    accuracy: Annotated[str, typer.Option(help="Kind of accuracy: top1, top5, ….")] = ACCURACY,
    where: WhereOption = None,
    level: Annotated[float, typer.Option(help="Coverage of the intervals.")] = LEVEL,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Add to the table `predictions`.")
    ] = True,
    method: MethodOption = None,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Predict accuracies that nobody has reported, with intervals, and say what predicts them."""
    from zoo_analysis.answers.prediction import predict as prediction
    from zoo_analysis.cli.output import say, write_report, write_table

    found = prediction.predict(
        store,
        models or (),
        dataset,
        accuracy=accuracy,
        method=method,
        where=where,
        level=level,
        keep=keep,
    )

    def show() -> None:
        for told in found.datasets:
            say(f"{told.words}.", *(f"  {remark}" for remark in told.remarks))
        if found.too_few:
            say(prediction.told_of_too_few(found.too_few))
        if found.rows:
            write_table(found.table.select(prediction.READER_COLUMNS), "table")
        elif found.datasets:
            say("no other measured model is without a report: name one, to predict it all the same")

    write_report(found.as_dict(), found.table, show, format, output)


def rank(
    metric: MetricOption = None,
    series: Annotated[str | None, typer.Option(help="Only this series.")] = None,
    dataset: DatasetOption = None,
    accuracy: AccuracyOption = None,
    where: WhereOption = None,
    method: MethodOption = None,
    quality: QualityOption = QUALITY,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Rank the models of each series by a metric (alpha_weighted) and by accuracy."""
    from zoo_analysis.answers import ranking
    from zoo_analysis.answers.remarks.ranking_words import told_of_random
    from zoo_analysis.cli.output import write_answer

    table = ranking.rank(
        store,
        metric or RANKED_BY,
        series,
        dataset=dataset,
        accuracy=accuracy,
        where=where,
        method=method,
        quality=quality,
    )
    write_answer(table, told_of_random(table), format, output)


def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="Model, or MODEL@REVISION.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other.")],
    method: MethodOption = None,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Two models layer by layer, and which of them each metric calls better."""
    from zoo_analysis.answers.comparison import two_models
    from zoo_analysis.cli.output import write_report

    found = two_models.compare(store, a, b, method)
    write_report(found.as_dict(), found.layers, lambda: print_comparison(found), format, output)


def diagnose(
    model: Annotated[str, typer.Argument(help="Repository id, or a unique part of one.")],
    revision: Annotated[str | None, typer.Option(help="Default: the one scanned last.")] = None,
    method: MethodOption = None,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """Correlation flow, scale collapse and the other diagnoses, in words and numbers."""
    import pyarrow as pa

    from zoo_analysis.answers import diagnosis
    from zoo_analysis.cli.output import say, write_report

    found = diagnosis.diagnose(store, model, revision, method)

    def show() -> None:
        say(f"{found.model.repo_id} @ {found.model.revision} ({found.model.method})")
        say(found.model.counts)
        for finding in found.findings:
            text = finding.text[:1].upper() if finding.text[:1].isascii() else finding.text[:1]
            say(f"{finding.diagnosis}: {finding.verdict}. {text}{finding.text[1:]}")

    told = found.as_dict()
    write_report(told, pa.Table.from_pylist(told["findings"]), show, format, output)


def print_comparison(found: "ModelComparison") -> None:
    """The comparison for a person, on standard output."""
    from zoo_analysis.cli.output import say, write_table

    for side, report in (("a", found.a), ("b", found.b)):
        reported = ", ".join(
            f"{row['metric']} {row['value']:.4g} on {row['dataset']} ({row['source']})"
            for row in report.accuracies.to_pylist()
        )
        say(f"{side}: {report.repo_id} @ {report.revision}; {reported or 'no reported accuracy'}")
        say(f"   {report.counts}")
    say(f"method {found.a.method}")
    if found.caveats:
        say(*found.caveats)
    else:
        say(
            "the lower value is called better: so theory has it of trained models of one series, "
            "for α where it is between 2 and 6; zoo regress tells whether it holds in yours"
        )
    say("", "averages of each model:")
    write_table(found.metrics.select(_AVERAGES), "table")
    if not found.layers.num_rows:
        return
    if not found.paired:
        say("", "no layer of one corresponds to one of the other: zoo show lists them")
        return
    say(
        "",
        "of the layers that correspond: how many have the metric, in how many of them a or b has "
        "the lower value, and the p of Wilcoxon's signed-rank test:",
    )
    write_table(found.metrics.select(_COUNTS), "table")
    say("", "layer by layer:")
    write_table(found.layers, "table")
