"""Costs of layers and models, from headers alone; and models as pieces of work."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from zoo_analysis.measure.blocks.block_results import LEADING
from zoo_analysis.measure.blocks.block_work import block_rows, block_work, with_guessed_heads
from zoo_analysis.measure.rates import TYPICAL, Rates, Work
from zoo_analysis.measure.scan_plan import Forecast
from zoo_analysis.spectra import Method, matrix_shape
from zoo_analysis.spectra.by_parts.windows import window_count, window_sides
from zoo_analysis.weights import Checkpoint, LayerSpec, kernel_dims, read_config
from zoo_analysis.weights.layers.blocks.block_listing import BlockSpec, blocks_of, sides
from zoo_analysis.weights.layers.listing import inventory_by, take_inventory
from zoo_analysis.weights.scratch import LARGE

#: An eigenproblem of side M costs as much as this many M³ of a symmetric rank-k update (measured).
_EIGEN = 3.3
#: Other laws beside the power law take as long as this many of it (measured: 6 to 7 ms a spectrum).
_OTHER_LAWS = 12
#: Floating-point work below which a piece is not worth sending: about two seconds of one core.
_PIECE = 5e10


@dataclass(frozen=True)
class Cost:
    """Cost of one layer, or of several after each other.

    Attributes:
        gram: multiply-adds of Gram matrices.
        eigen: multiply-adds of eigenproblems.
        peak_bytes: memory of the largest layer: its kernel, Gram matrix and LAPACK's copy.
        seconds: of one thread.
    """

    gram: float = 0.0
    eigen: float = 0.0
    peak_bytes: int = 0
    seconds: float = 0.0

    @property
    def flops(self) -> float:
        """Multiply-adds in all."""
        return self.gram + self.eigen

    def __add__(self, other: "Cost") -> "Cost":
        peak = max(self.peak_bytes, other.peak_bytes)
        seconds = self.seconds + other.seconds
        return Cost(self.gram + other.gram, self.eigen + other.eigen, peak, seconds)


@dataclass(frozen=True)
class Piece:
    """Layers of one model that are measured by one task."""

    specs: tuple[LayerSpec, ...]
    cost: Cost

    @property
    def layers(self) -> int:
        """How many they are."""
        return len(self.specs)


def work_of(spec: LayerSpec, how: Method) -> Work:
    """The work of a layer by a method, from its shape alone."""
    spatial = spec.shape[2:] if spec.kind.startswith("conv") else ()
    return work(kernel_dims(spec)[:3], spatial, how)


def work(sides: tuple[int, int, int], spatial: tuple[int, ...], how: Method) -> Work:
    """The work on a kernel by a method.

    Args:
        sides: (groups, out / groups, in / groups).
        spatial: its further sides.
        how: the method.
    """
    shape = matrix_shape(*sides, spatial, how)
    spectra = 1 + how.randomize
    is_complex = bool(spatial) and how.conv2d == "fft"  # one of each pair of conjugates
    return Work(
        n=shape.n,
        m=shape.m,
        matrices=spectra * shape.matrices * (2 if is_complex else 1),
        strided=bool(spatial),
        elements=spectra * math.prod((*sides, *spatial)),
        evals=shape.num_evals,
        fits=laws(how) * (shape.matrices if spatial and how.conv2d == "slices" else 1),
    )


def window_work(spec: LayerSpec, how: Method) -> Work | None:
    """The work on the windows over a layer's matrices; None where a method lays none."""
    spatial = spec.shape[2:] if spec.kind.startswith("conv") else ()
    if not how.window or spec.rank is not None or (spatial and how.conv2d == "fft"):
        return None
    shape = matrix_shape(*kernel_dims(spec)[:3], spatial, how)
    long, short = window_sides(shape.n, shape.m, how)
    windows = shape.matrices * window_count(shape.n, shape.m, how)
    return Work(
        n=long,
        m=short,
        matrices=windows,
        strided=True,
        elements=windows * long * short,
        evals=windows * short,
        fits=0,
    )


def laws(how: Method) -> int:
    """Power laws whose fit takes as long as all that a method fits to a spectrum."""
    return 1 + _OTHER_LAWS * how.alternatives


def cost(spec: LayerSpec, how: Method, rates: Rates = TYPICAL, threads: int = 1) -> Cost:
    """Cost of a layer, from its shape alone.

    Args:
        spec: the layer.
        how: the method.
        rates: of the machine, which the seconds are of.
        threads: that it may use.
    """
    if isinstance(spec, BlockSpec):
        return _of_block(spec, how, rates, threads)
    if spec.status is not None:
        return Cost(seconds=rates.layer)
    asked, word = work_of(spec, how), 8 if how.dtype == "float64" else 4
    # Large kernels are mapped and let go of while they are read, if not shuffled or decoded.
    held = 4 * asked.elements
    if not (how.randomize or spec.coded):
        held = min(held, LARGE)
    windows = window_work(spec, how)
    asks = [asked] if windows is None else [asked, windows]
    return _cost(asks, held + 3 * word * asked.m**2, rates, threads)


def _of_block(block: BlockSpec, how: Method, rates: Rates, threads: int) -> Cost:
    asks, word = block_work(block, laws(how)), 8 if how.dtype == "float64" else 4
    kernels = [min(4 * math.prod(sides(part)), LARGE) for part in block.parts]
    if block.kind == "product":
        return _cost(asks, sum(kernels), rates, threads)
    vectors = 8 * LEADING * len(kernels) * sum(block.shape)
    return _cost(asks, kernels[0] + vectors + 3 * word * min(block.shape) ** 2, rates, threads)


def _cost(asks: Sequence[Work], peak_bytes: int, rates: Rates, threads: int) -> Cost:
    return Cost(
        gram=sum(each.matrices * each.n * each.m**2 for each in asks),
        eigen=sum(each.problems * _EIGEN * each.m**3 for each in asks),
        peak_bytes=peak_bytes,
        seconds=sum(rates.of_layer(each, threads) for each in asks),
    )


def is_small(work: Sequence[Piece]) -> bool:
    """True where a model is measured when it is opened: so little is not worth another task."""
    return len(work) == 1 and work[0].cost.flops < _PIECE


def pieces(specs: Sequence[LayerSpec], how: Method, rates: Rates = TYPICAL) -> list[Piece]:
    """Split a model so that no piece is much more than one large layer, in the order given."""
    out: list[Piece] = []
    batch: list[LayerSpec] = []
    total = Cost()
    for spec in specs:
        each = cost(spec, how, rates)
        if each.flops >= _PIECE:
            out.append(Piece((spec,), each))
            continue
        batch.append(spec)
        total += each
        if total.flops >= _PIECE:
            out.append(Piece(tuple(batch), total))
            batch, total = [], Cost()
    return [*out, Piece(tuple(batch), total)] if batch else out


def priced(
    found: Forecast,
    checkpoint: Checkpoint,
    how: Method,
    rates: Rates = TYPICAL,
    on_gpu: Callable[[Piece], float | None] = lambda piece: None,
) -> Forecast:
    """The forecast of a model with what its checkpoint says.

    Args:
        found: what is known of the model without it.
        checkpoint: open; nothing but headers is read.
        how: the method.
        rates: of the machine.
        on_gpu: seconds of a GPU that a piece takes; None where it stays on a core.
    """
    books = take_inventory(checkpoint, {}, split_qkv=how.split_qkv)
    specs: Sequence[LayerSpec] = books.layers
    skipped = "no weight matrix"
    if how.of == "blocks":  # by the configuration, which says how many heads there are
        listed = inventory_by(None, checkpoint, read_config(checkpoint), split_qkv=True).layers
        blocks = blocks_of(with_guessed_heads(listed))
        specs, skipped = blocks.specs, "; ".join(blocks.remarks)
    parts = pieces(checkpoint.in_file_order(specs), how, rates)
    prices = [] if is_small(parts) else [(part, on_gpu(part)) for part in parts]
    taken = [(part, seconds) for part, seconds in prices if seconds is not None]
    for_gpus = {spec.layer for part, _ in taken for spec in part.specs}
    costs = [cost(spec, how, rates) for spec in specs]
    total = sum(costs, Cost())
    longest = [seconds for _, seconds in taken]
    alone = zip(specs, costs, strict=True)
    longest += [each.seconds for spec, each in alone if spec.layer not in for_gpus]
    hashed = checkpoint.nbytes if found.revision is None else 0
    names = {name for spec in specs if spec.status is None for name in spec.tensors}
    unread = Counter(spec.status for spec in specs if spec.status is not None)
    reason = ", ".join(f"{count} {status} layers" for status, count in unread.items())
    return replace(
        found,
        layers=sum(map(_rows, specs)) - unread.total(),
        parameters_total=books.total,
        parameters_measured=books.measured,
        coverage=books.coverage,
        read_bytes=sum(checkpoint.tensors[name].nbytes for name in names),
        gram_flops=total.gram,
        eigen_flops=total.eigen,
        peak_bytes=total.peak_bytes,
        seconds=rates.of_opening(len(specs)) + rates.of_hashing(hashed) + total.seconds,
        gpu_layers=len(for_gpus),
        gpu_seconds=sum(seconds for _, seconds in taken),
        core_seconds=sum(part.cost.seconds for part, _ in taken),
        longest=max(longest, default=0.0),
        skipped=reason if specs else skipped,
    )


def _rows(spec: LayerSpec) -> int:
    return block_rows(spec) if isinstance(spec, BlockSpec) else 1
