"""Ridge regressions that leave groups out, from sums of products: no fit reads the data again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo_analysis.stats.computable import Floats
from zoo_analysis.stats.conformal import Ints

#: The least penalty, so that columns which say the same have a solution.
_LEAST = 1e-9


@dataclass(frozen=True)
class Predictor:
    """A linear predictor: the columns that it uses, and how much it is held back.

    Attributes:
        name: of it.
        columns: of the table of predictors; none is the mean.
        penalty: of ridge (Hoerl & Kennard 1970), λ in Σ(y − ŷ)² / n + λ‖β‖², β being per standard
            deviation of each column; the level is not penalised.
    """

    name: str
    columns: tuple[int, ...] = ()
    penalty: float = 0.0

    @property
    def rows(self) -> list[int]:
        """Its rows among the sums of products, of which the first is of ones."""
        return [0, *(1 + column for column in self.columns)]


class GroupedRidge:
    """Fits of many predictors to all groups but some.

    Args:
        x: (n, p) finite predictors.
        y: (n,) finite values.
        folds: (n,) of which fold each row is, from 0 without a gap; a fold is left out as a whole.
    """

    def __init__(self, x: Floats, y: Floats, folds: Ints) -> None:
        self._centre, self._level = x.mean(0), float(y.mean())
        self._scale = np.where((spread := x.std(0)) > 0, spread, 1.0)
        rows = np.column_stack([np.ones(len(y)), self._standard(x), y - self._level])
        #: (f, p + 2, p + 2) products of ones, predictors and values, summed over each fold.
        self.sums: Floats = np.stack(
            [rows[folds == fold].T @ rows[folds == fold] for fold in range(folds.max() + 1)]
        )

    def fit(self, predictor: Predictor, sums: Floats) -> Floats:
        """Coefficients (…, 1 + columns) from sums of products (…, p + 2, p + 2)."""
        at = predictor.rows
        squares = sums[..., at, :][..., at]
        products = sums[..., at, -1]
        held = np.full(len(at), max(predictor.penalty, _LEAST))
        held[0] = 0.0
        n = squares[..., 0, 0]
        penalised = squares + n[..., None, None] * np.diag(held)
        return np.asarray(np.linalg.solve(penalised, products[..., None])[..., 0], dtype=float)

    def errors(self, predictor: Predictor, coefficients: Floats, sums: Floats) -> Floats:
        """Mean squared errors (…,) of fits on the rows of other sums of products."""
        at = predictor.rows
        squares, products = sums[..., at, :][..., at], sums[..., at, -1]
        fitted = np.einsum("...i,...ij,...j", coefficients, squares, coefficients)
        missed = sums[..., -1, -1] - 2 * (coefficients * products).sum(-1) + fitted
        mean: Floats = np.maximum(missed, 0.0) / sums[..., 0, 0]
        return mean

    def predict(self, predictor: Predictor, coefficients: Floats, x: Floats) -> Floats:
        """Values (m,) at predictors (m, p); one that is not finite is taken for its mean."""
        used = list(predictor.columns)
        values: Floats = self._standard(x)[:, used]
        predicted: Floats = (
            np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0) @ coefficients[1:]
            + coefficients[0]
            + self._level
        )
        return predicted

    def errors_left_out(self, predictors: Sequence[Predictor], without: int | None) -> Floats:
        """Mean squared errors (predictors, folds), each fold predicted from the others.

        Args:
            predictors: to compare.
            without: a fold that takes no part at all; None leaves none away.
        """
        kept = self.sums if without is None else np.delete(self.sums, without, axis=0)
        others = kept.sum(0) - kept
        return np.stack([self.errors(p, self.fit(p, others), kept) for p in predictors])

    def _standard(self, x: Floats) -> Floats:
        standard: Floats = (x - self._centre) / self._scale
        return standard
