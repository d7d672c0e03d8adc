"""Methods: every choice that changes a metric, as one hashable value."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, get_args

from zoo_analysis.errors import ZooError

Preset = Literal["default", "weightwatcher", "nature2021"]
Conv2d = Literal["pool", "slices", "flatten", "fft"]
#: The role of a slice's row, which under `slices` stands beside that of its layer.
SLICE: Final = "slice"
#: Beginnings of the ids of methods that measure differences, or blocks.
DELTA, BLOCKS = "delta-", "blocks-"
Precision = Literal["float64", "float32"]
Scale = Literal["kernel", "half"]
Estimator = Literal["clauset", "weightwatcher"]
Rank = Literal["stored", "computed"]
Tails = Literal["judged", "any"]
Of = Literal["layers", "blocks"]

_CHOICES: Final[dict[str, Any]] = {
    "conv2d": Conv2d,
    "dtype": Precision,
    "conv_scale": Scale,
    "estimator": Estimator,
    "rank": Rank,
    "tails": Tails,
    "of": Of,
}

#: What was done before there was a choice.
_BEFORE: Final[dict[str, Any]] = {
    "rank": "computed",
    "tails": "any",
    "window": 0,
    "window_ratio": 1.0,
    "window_step": 1.0,
    "base": None,
    "of": "layers",
}

#: Counts changes in what every method computes; in the hash, so that numbers are not mixed.
_DEFINITIONS: Final = 2


@dataclass(frozen=True)
class Method:
    """A method of computing layer metrics. Numbers of different methods are never mixed.

    Attributes:
        preset: the preset it was derived from; a label, not a choice.
        conv2d: `pool` pools the eigenvalues of all kernel slices; `slices` fits each slice and
            averages the metrics; `flatten` unrolls to out × (in·h·w); `fft` is the spectrum of the
            circular convolution (Sedghi, Gupta & Long 2019).
        dtype: precision of the Gram matrix and its eigenproblem.
        conv_scale: factor of slices under `pool` and `slices`: `kernel` is √(h·w/2) (k/√2 of
            Martin, Peng & Mahoney 2021), `half` is √(1/2) (what WeightWatcher 0.7 applies).
        split_groups: grouped convolutions group by group (depthwise ones as channels × positions),
            else as the stored tensor stands.
        estimator: `clauset` (Clauset, Shalizi & Newman 2009), or `weightwatcher`, which below 20
            eigenvalues uses a bias-corrected α and tails of at least 8.
        rank: what rounding to the type that the file stores can make of zero is zero (`stored`),
            and equal eigenvalues have no power law; or the arithmetic alone decides (`computed`).
        tails: a fit to a short tail carries a warning, and one to a degenerate tail is not averaged
            (`judged`, see `layer_warnings`); or every fit counts (`any`).
        min_evals: layers with fewer eigenvalues get no fit.
        max_evals: layers with more eigenvalues get no spectrum; None is no limit.
        max_n: layers with a longer side above it get no spectrum; None is no limit.
        min_eval: eigenvalues at or below it stay out of the fit.
        entropy_epsilon: added to every p before p·ln p (WeightWatcher: 1e-10).
        xmax: eigenvalues above it stay out of the fit, which is of the law on [xmin, xmax]; the
            estimator `weightwatcher` fits what is left as if there were no upper end.
        max_fingers: drop up to this many outlying top eigenvalues when that lowers D.
        fft_size: side of the circular convolution's grid under `fft`; a larger kernel's own side
            where the kernel is larger.
        randomize: also compute the spectrum of W with its entries shuffled (num_rand_spikes,
            num_traps and those after them); doubles the work.
        alternatives: also compare the power law with other tails by likelihood ratio, and keep the
            truncated power law's parameters, from xmin and from the spectrum's peak on.
        window: shorter side of the windows that `farms_alpha` lays over a matrix (64, say); 0 lays
            none.
        window_ratio: their longer side over it.
        window_step: how far apart they begin, in their sides, at most.
        split_qkv: the q, k and v parts of fused projections as rows of their own.
        base: the model (``owner/name@revision``) whose weights are taken off before anything is
            measured, see `zoo_analysis.delta`; None measures the weights themselves.
        of: `layers` measures every matrix; `blocks` what the matrices of a block make together, the
            products of each head of attention and the likeness of experts (see
            `measure.blocks.block_results`).
    """

    preset: Preset = "default"
    conv2d: Conv2d = "pool"
    dtype: Precision = "float64"
    conv_scale: Scale = "kernel"
    split_groups: bool = True
    estimator: Estimator = "clauset"
    rank: Rank = "stored"
    tails: Tails = "judged"
    min_evals: int = 10
    max_evals: int | None = None
    max_n: int | None = None
    min_eval: float = 0.0
    entropy_epsilon: float = 0.0
    xmax: float | None = None
    max_fingers: int = 0
    fft_size: int = 8
    randomize: bool = False
    alternatives: bool = False
    window: int = 0
    window_ratio: float = 1.0
    window_step: float = 1.0
    split_qkv: bool = False
    base: str | None = None
    of: Of = "layers"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value, allowed = getattr(self, name), get_args(choices)
            if value not in allowed:
                raise ZooError(f"{name} is {value!r}: use one of {', '.join(allowed)}")
        if self.min_evals < 2:
            raise ZooError(f"min_evals is {self.min_evals}: a fit needs at least 2 eigenvalues")
        if self.window < 0 or self.window_ratio < 1 or not 0 < self.window_step <= 1:
            raise ZooError(
                f"windows of {self.window} and ratio {self.window_ratio:g}, "
                f"{self.window_step:g} apart: use a side of at least 0, a ratio of at least 1, and "
                "a step above 0 and up to 1"
            )
        if self.base is not None and self.of == "blocks":
            raise ZooError("differences are measured layer by layer: blocks of them are not")
        if self.fft_size < 1:
            raise ZooError(f"fft_size is {self.fft_size}: a grid has a side of at least 1")

    def as_dict(self) -> dict[str, Any]:
        """The choices as plain values, for JSON."""
        return dataclasses.asdict(self)

    @cached_property
    def hash(self) -> str:
        """Eight hex digits of the choices (the preset's name is not one of them)."""
        choices = {name: value for name, value in self.as_dict().items() if name != "preset"}
        choices["definitions"] = _DEFINITIONS
        # As it was before there was a choice: numbers and name stay.
        for name, before in _BEFORE.items():
            if choices[name] == before:
                del choices[name]
        return hashlib.sha256(json.dumps(choices, sort_keys=True).encode()).hexdigest()[:8]

    @cached_property
    def id(self) -> str:
        """Name in the tables: preset, departures from it, hash: ``default+conv2d=fft-1f…``.

        Methods of differences begin with `DELTA` and those of blocks with `BLOCKS`, so that no
        beginning of another one is theirs.
        """
        kind = DELTA if self.base is not None else BLOCKS if self.of == "blocks" else ""
        base = PRESETS[self.preset].as_dict() if self.preset in PRESETS else Method().as_dict()
        changed = [f"+{k}={v}" for k, v in self.as_dict().items() if v != base[k] and k != "preset"]
        return f"{kind}{self.preset}{''.join(changed)}-{self.hash}"


PRESETS: Final[dict[Preset, Method]] = {
    "default": Method(),
    "weightwatcher": Method(
        preset="weightwatcher",
        conv_scale="half",
        split_groups=False,
        estimator="weightwatcher",
        rank="computed",
        tails="any",
        min_evals=8,
        max_evals=15_000,
        max_n=50_000,
        min_eval=1e-5,
        entropy_epsilon=1e-10,
    ),
    "nature2021": Method(preset="nature2021", conv2d="slices", tails="any"),
}


def method(preset: Preset = Method.preset, **changes: Any) -> Method:
    """A preset, with choices changed.

    Raises:
        ZooError: unknown preset, or a choice with an impossible value.
    """
    if preset not in PRESETS:
        raise ZooError(f"no method {preset!r}: use one of {', '.join(PRESETS)}")
    return dataclasses.replace(PRESETS[preset], **changes)


def as_method(how: Method | Preset | None) -> Method:
    """A method as it is, that of a preset's name, or the default one.

    Raises:
        ZooError: unknown preset.
    """
    return how if isinstance(how, Method) else method(how or Method.preset)
