"""Matching of two layers' units, and the exact chance that so many meet at their own places."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from zoo_analysis.stats.coincidences import fisher_log_p, log_chance, spearman_log_p

#: Seed of the order in which ties are broken.
_SEED: Final = 20250217


@dataclass(frozen=True)
class UnitMatch:
    """Two layers of one shape, their units matched.

    Attributes:
        units: n, that were matched.
        in_place: of them, whose partner has the same number.
        spearman: correlation of the matching permutation with the identity.
        log_p: ln of the chance of so many in place, of unrelated layers.
        spearman_log_p: ln of the chance of such a correlation, nearly.
    """

    units: int
    in_place: int
    spearman: float
    log_p: float
    spearman_log_p: float


@dataclass(frozen=True)
class IndependenceTest:
    """The test that two models are independent of each other.

    Attributes:
        layers: tested, each with units of its own.
        units: of all of them.
        in_place: of these, whose partner has the same number.
        spearman: mean over the layers.
        log_p: ln p of the units in place, by Fisher's method over the layers.
        spearman_log_p: that of the correlations, as published; its tail is approximated.
    """

    layers: int
    units: int
    in_place: int
    spearman: float
    log_p: float
    spearman_log_p: float

    @property
    def share(self) -> float:
        """Share of the units that were matched at their own places; chance gives 1/n a layer."""
        return self.in_place / self.units


def match_units(a: torch.Tensor, b: torch.Tensor) -> UnitMatch:
    """The units of two layers matched one to one by cosine, and how many keep their numbers.

    A network computes the same whatever the order of its hidden units, and neither a random
    initialisation nor training prefers an order. So where two networks are independent, the rows of
    a layer of one may be permuted at random without changing how likely the two are together: the
    matching permutation is uniformly random, whatever the weights are, and the number of units in
    their own places has the distribution of the fixed points of such a permutation. The p-value is
    exact. Ties, as of units that are zero, are broken at random, so that they favour no place.

    Args:
        a: (n × d) weights that each unit takes its inputs with.
        b: (n × d), likewise.

    Source: Zhu et al. 2025, arXiv 2502.12292 (matching by cosine and its uniform null; there
    Spearman's correlation is the statistic). Of a share f of units in place, n·f are counted
    against 1 that chance gives, where the correlation is f against 1/√n.
    """
    from scipy.optimize import linear_sum_assignment

    n = len(a)
    shuffled = np.random.default_rng(_SEED).permutation(n)
    cosines = (_unit(a) @ _unit(b).T).cpu().numpy()[shuffled]
    partner = np.empty(n, dtype=np.int64)
    partner[shuffled] = linear_sum_assignment(cosines, maximize=True)[1]
    return _match(partner)


def combined_test(matches: Sequence[UnitMatch]) -> IndependenceTest:
    """The layers' tests as one, by Fisher's method.

    Args:
        matches: of layers none of which shares units with another, at least one: given all others,
            the permutation of each is uniform, so that the tests are independent.
    """
    return IndependenceTest(
        len(matches),
        sum(match.units for match in matches),
        sum(match.in_place for match in matches),
        float(np.mean([match.spearman for match in matches])),
        fisher_log_p([match.log_p for match in matches]),
        fisher_log_p([match.spearman_log_p for match in matches]),
    )


def _match(partner: NDArray[np.int64]) -> UnitMatch:
    n, own = len(partner), np.arange(len(partner))
    in_place = int((partner == own).sum())
    squares = float(((partner - own) ** 2).sum())
    spearman = 1 - 6 * squares / (n * (n**2 - 1)) if n > 1 else 1.0
    chances = log_chance(n, in_place), spearman_log_p(n, spearman)
    return UnitMatch(n, in_place, spearman, *chances)


def _unit(x: torch.Tensor) -> torch.Tensor:
    """Rows of unit length; those that are zero stay zero."""
    x = x.double()
    peak = x.abs().amax(1, keepdim=True)
    x = x / torch.where(peak > 0, peak, 1)  # squares of it neither overflow nor vanish
    return torch.nn.functional.normalize(x, dim=1)
