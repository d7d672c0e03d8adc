"""Two models side by side: neuronal correlation, the other measures, and a zoo compared whole."""

import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import combinations, groupby, product
from typing import Any

import numpy as np
import ray
import torch

from tests.bench.timing import Row, median_seconds, paired_medians

#: Samples of every comparison of arrays.
SAMPLES = 512
#: Layers of each of two networks and neurons of each of them.
NETWORKS = ((4, 50), (5, 200))
#: Models of the digits zoo that are compared, and digits that they are shown.
ZOO, DIGITS = 24, 128


def run(runs: int) -> list[Row]:
    torch.set_num_threads(1)
    rows = [double_loop(*size, runs) for size in NETWORKS]
    for size in (NETWORKS[-1], (8, 500)):
        rows += bare_product(*size, runs)
    rows += references(runs)
    return rows + all_pairs() + whole_zoo()


def networks(layers: int, width: int) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Activations of two networks that share some directions, layer by layer (samples × width)."""
    generator = torch.Generator().manual_seed(0)
    shared = torch.randn(SAMPLES, 20, generator=generator)

    def layer() -> torch.Tensor:
        mixed = shared @ torch.randn(20, width, generator=generator)
        return (mixed + 3 * torch.randn(SAMPLES, width, generator=generator)).relu()

    return [layer() for _ in range(layers)], [layer() for _ in range(layers)]


def double_loop(layers: int, width: int, runs: int) -> Row:
    """(1) Against two loops over neurons that call torch.corrcoef, as in the notebooks."""
    from zoo_analysis.similarity import neuronal_between

    a, b = networks(layers, width)
    start = time.perf_counter()
    expected = (_one_way(a, b) + _one_way(b, a)) / 2
    loop = time.perf_counter() - start
    ours = median_seconds(lambda: neuronal_between(a, b), runs)
    error = abs(neuronal_between(a, b).value - expected)
    assert error < 1e-5, error
    neurons = layers * width
    note = f"both directions, {layers} layers, {SAMPLES} samples; difference {error:.0e}"
    case = f"{neurons} × {neurons} neurons"
    target = "≥ 1000" if neurons >= 1000 else ""
    return Row("double loop / neuronal", case, ours, loop, loop / ours, target, runs, note)


def _one_way(a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
    total = count = 0.0
    for i, mine in enumerate(a):
        for p in mine.T:
            best = 0.0
            for j, other in enumerate(b):
                for q in other.T:
                    r = torch.corrcoef(torch.stack([p, q]))[0, 1].abs().nan_to_num()
                    best = max(best, float(r) / (1 + abs(i - j)))
            total, count = total + best, count + 1
    return total / count


def bare_product(layers: int, width: int, runs: int) -> list[Row]:
    """(2) Against the product of the same two matrices, and nothing else.

    Once from activations, and once from standardised ones, as all pairs of a model but the first
    find them.
    """
    from zoo_analysis.similarity import neuronal, neuronal_between
    from zoo_analysis.similarity.neurons.neuronal_correlation import between

    a, b = networks(layers, width)
    p, q = torch.cat(a, 1), torch.cat(b, 1)
    ready_a, ready_b = ([neuronal.prepare(x) for x in each] for each in (a, b))
    rows = []
    for what, target, ours in (
        ("standardised", "≤ 2", lambda: between(layers, layers, _pairs(ready_a, ready_b))),
        ("not yet standardised", "", lambda: neuronal_between(a, b)),
    ):
        ours()
        median, product = paired_medians(ours, lambda: p.T @ q, 10 * runs)
        case = f"{p.shape[1]} × {q.shape[1]}, {what}"
        note = f"{layers} layers, {SAMPLES} samples; both directions and the layers' matrix"
        ratio = median / product
        rows.append(
            Row("neuronal / product", case, median, product, ratio, target, 10 * runs, note)
        )
    return rows


def _pairs(a: list[Any], b: list[Any]) -> Callable[[int, int], tuple[Any, Any]]:
    return lambda i, j: (a[i], b[j])


def references(runs: int) -> list[Row]:
    """(3) Against the functions of public packages, on arrays of the sizes they are used at."""
    from cka_pytorch.hsic import hsic1
    from scipy.linalg import subspace_angles
    from scipy.spatial import procrustes as scipy_procrustes

    from zoo_analysis.similarity import cca_mean, cka_debiased, procrustes

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2000, 256, generator=generator, dtype=torch.float64)
    y = x @ torch.randn(256, 256, generator=generator, dtype=torch.float64)
    y += 10 * torch.randn(2000, 256, generator=generator, dtype=torch.float64)

    def debiased() -> float:
        grams = [(z @ z.T).fill_diagonal_(0)[None] for z in (x, y)]
        xy, xx, yy = (
            hsic1(*pair) for pair in ((grams[0], grams[1]), (grams[0],) * 2, (grams[1],) * 2)
        )
        return float(xy / (xx * yy).sqrt())

    def canonical() -> float:
        centred = [z.numpy() - z.numpy().mean(0) for z in (x, y)]
        return float(np.cos(subspace_angles(*centred)).mean())

    def disparity() -> float:
        # scipy scales the second array too: 1 − ν² for the nuclear norm ν of ours, 2 − 2ν.
        return 2 - 2 * float(np.sqrt(1 - scipy_procrustes(x.numpy(), y.numpy())[2]))

    pairs: Sequence[tuple[str, str, Callable[[], float], Any]] = (
        ("cka-pytorch", "debiased CKA", debiased, cka_debiased),
        ("scipy subspace_angles", "mean CCA", canonical, cca_mean),
        ("scipy procrustes", "Procrustes", disparity, procrustes),
    )
    rows = []
    for package, case, reference, measure in pairs:
        ours, other = paired_medians(lambda m=measure: m(x, y), reference, runs)
        error = abs(measure(x, y) - reference())
        assert error < 1e-6, (case, error)
        note = f"2000 × 256, float64; difference {error:.0e}"
        rows.append(Row(f"{package} / ours", case, ours, other, other / ours, "≥ 1", runs, note))
    return rows


def all_pairs(models: int = ZOO, samples: int = DIGITS) -> list[Row]:
    """(4) All pairs of digits models at once, against pair by pair, and against bare products.

    In this process, on one thread, in seconds of the processor.
    """
    from zoo_analysis.activations import capture
    from zoo_analysis.activations.networks.load import load_network
    from zoo_analysis.activations.probes.named import load_probe
    from zoo_analysis.digits import digits_dir, digits_zoo, train
    from zoo_analysis.pairwise.by_activations import ModelActivations, compare_activations
    from zoo_analysis.pairwise.by_products import compare_at_once
    from zoo_analysis.pairwise.prepared import PreparedCache
    from zoo_analysis.similarity.all_pairs.layer_products import AT_ONCE
    from zoo_analysis.similarity.registry import get_measure

    specs, root, probe = digits_zoo()[:models], digits_dir(), load_probe("digits", samples)
    for spec in specs:
        if not (root / spec.name).is_dir():
            train(spec, root)
    seen = [
        ModelActivations(spec.name, capture(load_network(str(root / spec.name)), probe))
        for spec in specs
    ]
    measures = [get_measure(name) for name in AT_ONCE]
    pairs = list(combinations(seen, 2))

    def tile(pair: tuple[Any, Any], side: int = 6) -> tuple[int, ...]:
        return tuple(seen.index(model) // side for model in pair)

    tiles = [list(group) for _, group in groupby(sorted(pairs, key=tile), key=tile)]

    def at_once(cache: PreparedCache) -> None:
        for each in tiles:
            compare_at_once(each, measures, cache=cache)

    def one_by_one(cache: PreparedCache) -> None:
        for pair in pairs:
            for measure in measures:
                compare_activations(*pair, measure, cache=cache)

    products = [each for pair in pairs for each in _products(*(m.captured for m in pair))]

    def bare() -> None:
        for p, q in products:
            _ = p.T @ q

    kept, cpu = PreparedCache(), time.process_time
    at_once(kept)
    cold, product = paired_medians(lambda: at_once(PreparedCache()), bare, 3, cpu)
    warm = median_seconds(lambda: at_once(kept), 3, cpu)
    alone = median_seconds(lambda: one_by_one(PreparedCache()), 1, cpu)
    case = f"{models} models, {len(pairs)} pairs"
    note = f"{', '.join(AT_ONCE)}; {samples} digits, one thread; scores of all layers and models"
    return [
        Row("pair by pair / at once", case, cold, alone, alone / cold, "", 3, note),
        Row("at once / bare products", case, cold, product, cold / product, "≤ 1.5", 3, note),
        Row("at once, standardised / bare", case, warm, product, warm / product, "", 3, note),
    ]


def _products(a: Any, b: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """The matrices of which one product a couple of grids compares all neurons of two models."""
    from zoo_analysis.activations.pooling import common_grid, neuron_values

    found: dict[Any, tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]] = {}
    for x, y in product(a.layers, b.layers):
        grid = common_grid(x, y)
        assert grid is not None
        sides = found.setdefault((x.values.shape[2:], y.values.shape[2:]), ({}, {}))
        for side, layer in zip(sides, (x, y), strict=True):
            if layer.name not in side:
                side[layer.name] = torch.from_numpy(neuron_values(layer, grid, "channel"))
    return [
        (torch.cat(list(p.values()), 1), torch.cat(list(q.values()), 1)) for p, q in found.values()
    ]


def whole_zoo(models: int = ZOO, samples: int = DIGITS) -> list[Row]:
    """(5) Digits models, all pairs, all measures: where the time goes."""
    from zoo_analysis.cluster.correlate import correlate
    from zoo_analysis.cluster.flow import side_by_side
    from zoo_analysis.digits import digits_dir, digits_zoo, train
    from zoo_analysis.similarity import measures

    specs, root = digits_zoo()[:models], digits_dir()
    with tempfile.TemporaryDirectory() as folder:
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        side_by_side(train, [(s, root) for s in specs if not (root / s.name).is_dir()])
        places = [str(root / spec.name) for spec in specs]
        every = list(measures())
        correlate(places[:2], f"{folder}/warm", measures=every, probe="digits", samples=8)
        done = correlate(places, f"{folder}/store", measures=every, probe="digits", samples=samples)
        ray.shutdown()
    assert (done.failed, done.pairs) == (0, models * (models - 1) // 2)
    # Two workers: what neither did anything in is Ray's, the driver's and the store's.
    rest = 2 * done.seconds - done.forward_seconds - done.compare_seconds
    case = f"{models} models, {done.pairs} pairs"
    note = (
        f"{len(every)} measures, {samples} digits, {done.rows} rows; {done.forwarded} models run, "
        f"{done.cached} from the cache"
    )
    return [
        Row(
            f"correlate: {what}",
            case,
            part,
            2 * done.seconds,
            part / (2 * done.seconds),
            "",
            1,
            note,
        )
        for what, part in (
            ("forwards", done.forward_seconds),
            ("products", done.compare_seconds),
            ("Ray, store and waiting", rest),
        )
    ]
