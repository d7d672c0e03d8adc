"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

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
