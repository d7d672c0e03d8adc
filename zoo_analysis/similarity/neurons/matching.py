"""One-to-one matching: each neuron with a partner of its own, where `neuronal` lets many share."""

from __future__ import annotations

from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity.arrays import aligned, rows
from zoo_analysis.similarity.lazy_torch import torch
from zoo_analysis.similarity.measure import UP_TO_SCALES, Measure
from zoo_analysis.similarity.neurons.neuron_maxima import standardise

#: Neurons a side beyond which the assignment, cubic in their number, takes minutes.
MOST = 4096


def one_to_one(p: torch.Tensor, q: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The assignment of neurons to each other with the greatest sum of |correlation|.

    Args:
        p: (n × d₁), as `neuronal.prepare` returns it; d₁ at most 4096.
        q: (n × d₂), likewise.

    Returns:
        |correlation| of each couple (min(d₁, d₂),), its neuron in p, and its neuron in q (int64).

    Raises:
        SimilarityError: different numbers of samples, naming both shapes; too many neurons.
    """
    from scipy.optimize import linear_sum_assignment

    p, q = aligned(p, q)
    if max(p.shape[1], q.shape[1]) > MOST:
        raise SimilarityError(
            f"arrays of shapes {tuple(p.shape)} and {tuple(q.shape)} have more than {MOST} "
            "neurons, too many to match one to one: use neuronal, or fewer positions"
        )
    r = (p.T @ q).abs_().clamp_(max=1)
    rows, columns = map(torch.as_tensor, linear_sum_assignment(r.cpu().numpy(), maximize=True))
    return r.cpu()[rows, columns], rows, columns


def _compare(p: torch.Tensor, q: torch.Tensor) -> float:
    return float(one_to_one(p, q)[0].mean(dtype=torch.float64))


#: Mean |correlation| under the best one-to-one assignment; of layers of different widths the mean
#: is over the neurons of the narrower one, and the others are left over.
neuronal_one_to_one = Measure(
    name="neuronal_one_to_one",
    prepare=standardise,
    compare=_compare,
    reordered=rows,
    of="activations",
    range=(0.0, 1.0),
    higher="more alike",
    invariant_to=UP_TO_SCALES,
    source="Li, Yosinski, Clune, Lipson & Hopcroft 2016, arXiv 1511.07543 (bipartite matching)",
)

MEASURES: tuple[Measure, ...] = (neuronal_one_to_one,)
