"""Images changed a little so that a network errs: FGSM and PGD, both in the largest-pixel norm.

An attack is computed on one network; shown to another that it was not made for, it is a black-box
transfer attack (Papernot, McDaniel & Goodfellow 2016).
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

Attack = Literal["fgsm", "pgd"]

_PGD_STEPS = 7
#: Steps together reach this many times ε, so that the whole ball can be crossed.
_PGD_REACH = 2.5


def fgsm(net: nn.Module, images: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    """One step of ε along the sign of the loss's gradient (Goodfellow, Shlens & Szegedy 2015).

    Args:
        net: whose loss is raised; on one image's logits no other image may act.
        images: (n × 1 × h × w) in [0, 1].
        labels: (n,).
        epsilon: largest change of a pixel.

    Returns:
        Images of the same shape, in [0, 1].
    """
    return _step(net, images, labels, epsilon).clamp(0, 1)


def pgd(
    net: nn.Module,
    images: Tensor,
    labels: Tensor,
    epsilon: float,
    *,
    steps: int = _PGD_STEPS,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Steps along the gradient's sign, projected onto the ε-ball, from a random start (Madry 2018).

    Args:
        net: whose loss is raised.
        images: (n × 1 × h × w) in [0, 1].
        labels: (n,).
        epsilon: largest change of a pixel.
        steps: how many, each of 2.5 ε / steps.
        generator: of the random start; the global one where None.

    Returns:
        Images of the same shape, in [0, 1].
    """
    low, high = (images - epsilon).clamp(min=0), (images + epsilon).clamp(max=1)
    start = torch.rand(images.shape, generator=generator, dtype=images.dtype) * 2 - 1
    moved = (images + epsilon * start).clamp(low, high)
    for _ in range(steps):
        moved = _step(net, moved, labels, _PGD_REACH * epsilon / steps).clamp(low, high)
    return moved


def attacked(
    kind: Attack, net: nn.Module, images: Tensor, labels: Tensor, epsilon: float, seed: int = 0
) -> Tensor:
    """FGSM or PGD by name.

    Args:
        kind: which.
        net: whose loss is raised.
        images: (n × 1 × h × w) in [0, 1].
        labels: (n,).
        epsilon: largest change of a pixel.
        seed: of PGD's random start.
    """
    if kind == "fgsm":
        return fgsm(net, images, labels, epsilon)
    return pgd(net, images, labels, epsilon, generator=torch.Generator().manual_seed(seed))


def _step(net: nn.Module, images: Tensor, labels: Tensor, size: float) -> Tensor:
    images = images.detach().requires_grad_()
    loss = cross_entropy(net(images), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, images)
    return (images + size * gradient.sign()).detach()
