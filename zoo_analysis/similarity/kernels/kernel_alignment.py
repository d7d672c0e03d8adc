"""Centred kernel alignment: linear, Gaussian, debiased, and over minibatches."""

from typing import Any

from zoo_analysis.similarity.arrays import pair
from zoo_analysis.similarity.kernels.hsic import Kernel, debiased, inner, linear, minibatch, rbf
from zoo_analysis.similarity.measure import UP_TO_ROTATION, Measure

#: ⟨K, L⟩ / ‖K‖‖L‖ of the centred linear kernels, ‖XᵀY‖² / ‖XᵀX‖‖YᵀY‖ of centred X (n × d₁) and
#: Y (n × d₂). Biased upwards, by about d / n for unrelated neurons.
cka = Measure(
    name="cka",
    prepare=linear,
    compare=inner,
    reordered=Kernel.reordered,
    of="activations",
    range=(0.0, 1.0),
    higher="more alike",
    invariant_to=UP_TO_ROTATION,
    source="Kornblith, Norouzi, Lee & Hinton 2019, arXiv 1905.00414",
)

#: CKA of Gaussian kernels whose bandwidth is the median distance; see `hsic.rbf`.
cka_rbf = Measure(
    name="cka_rbf",
    prepare=rbf,
    compare=inner,
    reordered=Kernel.reordered,
    of="activations",
    range=(0.0, 1.0),
    higher="more alike",
    invariant_to=UP_TO_ROTATION,
    max_samples=1024,
    source="Kornblith, Norouzi, Lee & Hinton 2019, arXiv 1905.00414",
)

#: Linear CKA of unbiased HSICs: about 0 for unrelated neurons whatever n and d, so slightly
#: negative at times; needs four samples.
cka_debiased = Measure(
    name="cka_debiased",
    prepare=debiased,
    compare=inner,
    reordered=Kernel.reordered,
    of="activations",
    range=(-1.0, 1.0),
    higher="more alike",
    invariant_to=UP_TO_ROTATION,
    source="Song et al. 2012 (JMLR 13); Nguyen, Raghu & Kornblith 2021, arXiv 2010.15327",
)


def minibatch_cka(x: Any, y: Any, batch_size: int = 256) -> float:
    """Mean unbiased HSIC over minibatches, over the square root of the means with themselves.

    Memory grows with n · batch_size instead of n².

    Args:
        x: (n × d₁).
        y: (n × d₂), of the same samples.
        batch_size: of consecutive samples; see `hsic.minibatch`.

    Raises:
        SimilarityError: see `arrays.pair` and `hsic.minibatch`.

    Source: Nguyen, Raghu & Kornblith 2021, arXiv 2010.15327.
    """
    a, b = pair(x, y)
    return inner(minibatch(a, batch_size), minibatch(b, batch_size))


#: `minibatch_cka` in minibatches of at most 256 consecutive samples.
cka_minibatch = Measure(
    name="cka_minibatch",
    prepare=minibatch,
    compare=inner,
    of="activations",
    range=(-1.0, 1.0),
    higher="more alike",
    invariant_to=UP_TO_ROTATION,
    source="Nguyen, Raghu & Kornblith 2021, arXiv 2010.15327",
)

MEASURES: tuple[Measure, ...] = (cka, cka_rbf, cka_debiased, cka_minibatch)
