"""Options that several commands share."""

import inspect
import re
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from zoo_analysis.cluster.placement import Device
from zoo_analysis.errors import ZooError
from zoo_analysis.hub.access import CACHE_BYTES
from zoo_analysis.spectra.methods import Conv2d, Method, Precision, Preset
from zoo_analysis.spectra.methods import method as make_method

SOURCES_HELP = (
    "OWNER/NAME[@REVISION] on the hub (hf://OWNER/NAME/PART[:VARIANT] for a part), catalogue, "
    "checkpoint file, model directory, tree of them, or packaged:NAME."
)

Format = Literal["table", "vertical", "csv", "json", "jsonl", "markdown", "parquet"]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store", help="Store directory or URI.", envvar="ZOO_STORE", show_default="./zoo-store"
    ),
]
#: On the command line these two are `cli.printing.switches`', which add `--json`.
FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to print.")]
OutOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write there; its suffix says how."),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        help="Ray cluster.",
        envvar=["ZOO_ADDRESS", "RAY_ADDRESS"],
        show_default="one of your own for as long as it runs",
    ),
]
VariantOption = Annotated[
    str,
    typer.Option(help="Of the weights: fp16, non_ema, …; of models without it the plain ones."),
]
ModelSecondsOption = Annotated[
    float,
    typer.Option(
        help="Seconds that a model, or a pair, may take besides what its size explains.",
        envvar="ZOO_MODEL_SECONDS",
    ),
]
ModelMemoryOption = Annotated[
    str | None,
    typer.Option(
        help="Memory of a task, at most 80 % of its node's.",
        envvar="ZOO_MODEL_MEMORY",
        show_default="by its layers' sizes",
    ),
]
BlocksOption = Annotated[
    bool,
    typer.Option("--blocks", help="Also products of attention's heads, and likeness of experts."),
]
DeviceOption = Annotated[Device, typer.Option(help="Where to compute.", envvar="ZOO_DEVICE")]
#: The variable of options that bound what a node keeps on its disk.
CACHE_SIZE: Final = "ZOO_CACHE_SIZE"
WeightCacheOption = Annotated[
    str,
    typer.Option(
        "--cache-size",
        help="Disk of each node for weights that cannot be streamed.",
        envvar=CACHE_SIZE,
    ),
]


def _options_of_method(
    preset: Annotated[
        Preset,
        typer.Option(
            "--method",
            help="Preset of how the numbers are made (docs/methods.md).",
            envvar="ZOO_METHOD",
        ),
    ] = Method.preset,
    conv2d: Annotated[
        Conv2d | None, typer.Option(help="Treatment of convolutions instead of the preset's.")
    ] = None,
    dtype: Annotated[Precision | None, typer.Option(help="Precision.")] = None,
    randomize: Annotated[
        bool, typer.Option("--randomize", help="Also the spectrum of shuffled weights.")
    ] = Method.randomize,
    alternatives: Annotated[
        bool, typer.Option("--alternatives", help="Also fit and compare other tails.")
    ] = Method.alternatives,
    window: Annotated[
        int, typer.Option(min=0, help="Side of windows over each matrix, for farms_alpha.")
    ] = Method.window,
    window_ratio: Annotated[
        float, typer.Option(min=1, help="Longer side of these windows over the shorter.")
    ] = Method.window_ratio,
    window_step: Annotated[
        float, typer.Option(help="How far apart they begin, in their sides (0 to 1).")
    ] = Method.window_step,
    split_qkv: Annotated[
        bool, typer.Option("--split-qkv", help="Also q, k, v of fused projections.")
    ] = Method.split_qkv,
    max_fingers: Annotated[
        int, typer.Option(min=0, help="Drop up to this many outlying top eigenvalues.")
    ] = Method.max_fingers,
) -> None:
    """Choices of a method that a command can change."""


def with_method(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the options of a method, from one that takes the method as `how`."""
    options = inspect.signature(_options_of_method).parameters

    @wraps(command)
    def run(preset: Preset, **given: Any) -> None:
        changes = {name: given.pop(name) for name in options if name != "preset"}
        how = make_method(preset, **{name: value for name, value in changes.items() if value})
        command(how=how, **given)

    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        parameters += options.values() if parameter.name == "how" else [parameter]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    return run


#: The largest first.
_UNITS = {"T": 10**12, "G": 10**9, "M": 10**6, "K": 10**3}


def size(text: str) -> int:
    """Bytes from ``20GB``, ``500MB`` or a plain number.

    Raises:
        ZooError: it is no size.
    """
    told = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT]?)B?", text.strip().upper())
    if told is None:
        raise ZooError(f"{text!r} is no size: write 20GB or 500MB")
    return int(float(told[1]) * _UNITS.get(told[2], 1))


def size_or_none(text: str | None) -> int | None:
    """Bytes as `size` takes them, where there are any."""
    return None if text is None else size(text)


def size_text(count: int) -> str:
    """Bytes as `size` takes them, in the largest unit that leaves a whole number."""
    for unit, each in _UNITS.items():
        if count and count % each == 0:
            return f"{count // each}{unit}B"
    return str(count)


#: What a node keeps of weights unless told otherwise.
WEIGHT_CACHE: Final = size_text(CACHE_BYTES)


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
