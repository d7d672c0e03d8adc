"""Images changed a little so that a network errs: FGSM, PGD and kin, in the largest-pixel norm.

An attack is computed on one network; shown to another that it was not made for, it is a black-box
transfer attack (Papernot, McDaniel & Goodfellow 2016).
"""

from typing import Final, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax

Attack = Literal["fgsm", "fast_fgsm", "gaussian_noise", "pgd", "trades"]
ATTACKS: Final[tuple[Attack, ...]] = get_args(Attack)

_PGD_STEPS = 7
#: Steps together reach this many times ε, so that the whole ball can be crossed.
_PGD_REACH = 2.5
#: Of a single step from a random start (Wong, Rice & Kolter 2020).
_FAST_REACH = 1.25
#: Standard deviation of where TRADES begins: the divergence has no gradient at the image itself.
_TRADES_START = 1e-3


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
    reach: float = _PGD_REACH,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Steps along the gradient's sign, projected onto the ε-ball, from a random start (Madry 2018).

    Args:
        net: whose loss is raised.
        images: (n × 1 × h × w) in [0, 1].
        labels: (n,).
        epsilon: largest change of a pixel.
        steps: how many, each of `reach` · ε / steps.
        reach: of all steps together, in ε.
        generator: of the random start; the global one where None.

    Returns:
        Images of the same shape, in [0, 1].
    """
    low, high = (images - epsilon).clamp(min=0), (images + epsilon).clamp(max=1)
    start = torch.rand(images.shape, generator=generator, dtype=images.dtype) * 2 - 1
    moved = (images + epsilon * start).clamp(low, high)
    for _ in range(steps):
        moved = _step(net, moved, labels, reach * epsilon / steps).clamp(low, high)
    return moved


def trades(
    net: nn.Module, images: Tensor, epsilon: float, *, generator: torch.Generator | None = None
) -> Tensor:
    """PGD on the divergence from what the network says of the images: no labels (Zhang 2019).

    Args:
        net: whose answers are to change.
        images: (n × 1 × h × w) in [0, 1].
        epsilon: largest change of a pixel.
        generator: of the start beside the images; the global one where None.

    Returns:
        Images of the same shape, in [0, 1].
    """
    low, high = (images - epsilon).clamp(min=0), (images + epsilon).clamp(max=1)
    with torch.no_grad():
        answers = log_softmax(net(images), 1)
    start = torch.randn(images.shape, generator=generator, dtype=images.dtype)
    moved = (images + _TRADES_START * start).clamp(low, high)
    for _ in range(_PGD_STEPS):
        moved.requires_grad_()
        now = log_softmax(net(moved), 1)
        away = kl_div(now, answers, reduction="sum", log_target=True)
        (gradient,) = torch.autograd.grad(away, moved)
        size = _PGD_REACH * epsilon / _PGD_STEPS
        moved = (moved + size * gradient.sign()).detach().clamp(low, high)
    return moved


def attacked(
    kind: Attack, net: nn.Module, images: Tensor, labels: Tensor, epsilon: float, seed: int = 0
) -> Tensor:
    """An attack by name; Gaussian noise, which asks no network, has ε as its standard deviation.

    Args:
        kind: which.
        net: whose loss is raised.
        images: (n × 1 × h × w) in [0, 1].
        labels: (n,).
        epsilon: largest change of a pixel.
        seed: of what is random in it.
    """
    generator = torch.Generator().manual_seed(seed)
    if kind == "fgsm":
        return fgsm(net, images, labels, epsilon)
    if kind == "fast_fgsm":
        return pgd(net, images, labels, epsilon, steps=1, reach=_FAST_REACH, generator=generator)
    if kind == "gaussian_noise":
        noise = torch.randn(images.shape, generator=generator, dtype=images.dtype)
        return (images + epsilon * noise).clamp(0, 1)
    if kind == "trades":
        return trades(net, images, epsilon, generator=generator)
    return pgd(net, images, labels, epsilon, generator=generator)


def _step(net: nn.Module, images: Tensor, labels: Tensor, size: float) -> Tensor:
    images = images.detach().requires_grad_()
    loss = cross_entropy(net(images), labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, images)
    return (images + size * gradient.sign()).detach()
