"""Options that several commands share."""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from zoo_analysis.errors import ZooError

SOURCES_HELP = (
    "OWNER/NAME[@REVISION] on the hub, catalogue, checkpoint file, model directory, tree of them, "
    "or packaged:NAME."
)

Format = Literal["table", "csv", "json", "markdown", "parquet"]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", help="Store directory or URI.", envvar="ZOO_STORE", show_default="./zoo-store"
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to print.")]
OutOption = Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")]
AddressOption = Annotated[
    str | None,
    typer.Option(help="Ray cluster; default $RAY_ADDRESS, else a local Ray."),
]
DeviceOption = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")]
MethodOption = Annotated[
    Literal["default", "weightwatcher", "nature2021"],
    typer.Option("--method", help="Preset of how the numbers are made (docs/methods.md)."),
]
ConvolutionOption = Annotated[
    Literal["pool", "slices", "flatten", "fft"] | None,
    typer.Option("--conv2d", help="Treatment of convolutions instead of the preset's."),
]
PrecisionOption = Annotated[
    Literal["float64", "float32"] | None, typer.Option("--dtype", help="Precision.")
]


def size(text: str) -> int:
    """Bytes from ``20GB``, ``500MB`` or a plain number.

    Raises:
        ZooError: it is no size.
    """
    units = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    told = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?B?)", text.strip().upper())
    unit = "" if told is None else told[2] if told[2].endswith("B") else told[2] + "B"
    if told is None or (unit.strip("B") and unit not in units):
        raise ZooError(f"{text!r} is no size: write 20GB or 500MB")
    return int(float(told[1]) * units.get(unit, 1))


def parse_as_of(text: str | None) -> datetime | int | None:
    """A version of the store, or an ISO time.

    Raises:
        ZooError: neither.
    """
    if text is None:
        return None
    if text.isdecimal() and len(text) < 8:
        return int(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ZooError(
            f"--as-of {text!r} is neither a version nor a time such as 2026-03-01 or "
            "2026-03-01T12:00:00+01:00"
        ) from error
