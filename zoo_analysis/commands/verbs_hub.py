"""The verbs that concern models which are elsewhere: what a scan of them would take."""

from typing import Annotated, Any

import typer

from zoo_analysis.commands.options import (
    AddressOption,
    ConvolutionOption,
    Format,
    MethodOption,
    OutOption,
    PrecisionOption,
    StoreOption,
)

SOURCES_HELP = (
    "OWNER/NAME[@REVISION] on the hub, catalogue, checkpoint file, model directory, tree of them, "
    "or packaged:NAME."
)


def plan(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help=SOURCES_HELP)],
    store: StoreOption = None,
    method: MethodOption = "default",
    conv2d: ConvolutionOption = None,
    dtype: PrecisionOption = None,
    address: AddressOption = None,
    format: Annotated[Format, typer.Option("--format", "-f", help="How to print.")] = "table",
    output: OutOption = None,
    json_: Annotated[bool, typer.Option("--json", help="Models and totals as one object.")] = False,
) -> None:
    """What a scan would read, compute and skip, from headers alone."""
    from zoo_analysis import spectra
    from zoo_analysis.commands.plan import run_plan

    changes: dict[str, Any] = {"conv2d": conv2d, "dtype": dtype}
    how = spectra.method(method, **{name: value for name, value in changes.items() if value})
    run_plan(sources, store, how, address, format, output, json_)


def size(text: str) -> int:
    """Bytes from ``20GB``, ``500MB`` or a plain number.

    Raises:
        ZooError: it is no size.
    """
    import re

    from zoo_analysis.errors import ZooError

    units = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    told = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?B?)", text.strip().upper())
    unit = "" if told is None else told[2] if told[2].endswith("B") else told[2] + "B"
    if told is None or (unit.strip("B") and unit not in units):
        raise ZooError(f"{text!r} is no size: write 20GB or 500MB")
    return int(float(told[1]) * units.get(unit, 1))


def register(app: typer.Typer) -> None:
    """Add these verbs to the command."""
    app.command()(plan)
