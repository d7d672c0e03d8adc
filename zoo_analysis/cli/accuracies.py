"""`zoo accuracies`: what is reported of models, by whom."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from zoo_analysis.cli.options import FormatOption, OutOption, StoreOption

if TYPE_CHECKING:
    from zoo_analysis.sources import Accuracy
    from zoo_analysis.store import Store

app = typer.Typer(no_args_is_help=True)


class From(StrEnum):
    """Who reports."""

    CARD = "card"
    EVAL_RESULTS = "eval-results"
    TORCHVISION = "torchvision"
    TIMM_CSV = "timm-csv"
    CSV = "csv"


_ON_HUB = (From.CARD, From.EVAL_RESULTS)
_MODELS = "SELECT DISTINCT repo_id FROM models WHERE source = 'hub' ORDER BY repo_id"


@app.command()
def sync(
    places: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH|URL]...", help="Of CSV files; with --from timm-csv or csv."),
    ] = None,
    from_: Annotated[
        list[From] | None,
        typer.Option("--from", help="Whose numbers; repeatable. Default: card and eval-results."),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="NAME=COLUMN", help="csv: repo_id, dataset, metric, value…"),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="csv: what no column says."),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Bring reported accuracies up to date; all that sources report is kept with its source."""
    from dataclasses import asdict

    import pyarrow as pa

    from zoo_analysis.store import open_store
    from zoo_analysis.store.schemas import ACCURACIES

    opened = open_store(store)
    found: list[Accuracy] = []
    columns, fixed = _pairs(map_, "--map"), _pairs(set_, "--set")
    for source in from_ or _ON_HUB:
        found += _collect(source, opened, places or [], columns, fixed)
    rows = pa.Table.from_pylist([asdict(accuracy) for accuracy in found], schema=ACCURACIES)
    opened.append("accuracies", rows)
    typer.echo(f"{len(found)} accuracies reported of {len({a.repo_id for a in found})} models")


@app.command()
def show(
    model: Annotated[str | None, typer.Argument(help="A part of the repository's id.")] = None,
    store: StoreOption = None,
    format: FormatOption = "table",
    output: OutOption = None,
) -> None:
    """What is reported, by which source."""
    from zoo_analysis.answers.accuracies import accuracies_reported
    from zoo_analysis.cli.output import write_table

    write_table(accuracies_reported(store, model), format, output)


def _collect(
    source: From,
    store: "Store",
    places: list[str],
    columns: dict[str, str],
    fixed: dict[str, str],
) -> "list[Accuracy]":
    from zoo_analysis.errors import ZooError
    from zoo_analysis.sources.reported import any_csv, timm_csv, torchvision_accuracies

    if source is From.TORCHVISION:
        return torchvision_accuracies()
    if source in _ON_HUB:
        return _hub(source, store)
    if not places:
        raise ZooError(f"--from {source.value} needs the path or URL of a CSV file behind it")
    read = timm_csv if source is From.TIMM_CSV else lambda place: any_csv(place, columns, fixed)
    return [accuracy for place in places for accuracy in read(place)]


def _hub(source: From, store: "Store") -> "list[Accuracy]":
    """What the hub says now of the models in the store: one call each."""
    from zoo_analysis.sources import ModelRef
    from zoo_analysis.sources.hub import hub_models

    names = [row["repo_id"] for row in store.run(_MODELS).to_pylist()]
    refs = [ref for ref in hub_models(names).values() if isinstance(ref, ModelRef)]
    return [a for ref in refs for a in ref.accuracies if a.source == source.value]


def _pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    from zoo_analysis.errors import ZooError

    out = {}
    for text in texts or []:
        name, equals, value = text.partition("=")
        if not equals or not name or not value:
            raise ZooError(f"{option} {text!r}: write NAME=VALUE")
        out[name] = value
    return out


def register(app_: typer.Typer) -> None:
    """Add this group to the `zoo` command."""
    app_.add_typer(app, name="accuracies", help="Reported accuracies and their sources.")
