"""The networks that studies train: fully connected stacks and small convolutional ones."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

_SIDE = 28
_KERNEL = 5
_POOL = 2


@dataclass(frozen=True)
class NetSpec:
    """A network for 28 × 28 grey images.

    Attributes:
        name: of the network, and in the names of its files.
        hidden: widths of its fully connected hidden layers.
        channels: of its 5 × 5 convolutions, each with ReLU and 2 × 2 max pooling, which come first;
            two at most.
        classes: how many it tells apart.
    """

    name: str
    hidden: tuple[int, ...]
    channels: tuple[int, ...] = ()
    classes: int = 10


class Net(nn.Module):
    """A network as its specification says, with PyTorch's own initialisation.

    Args:
        spec: what to build.
    """

    def __init__(self, spec: NetSpec) -> None:
        super().__init__()
        self.spec = spec
        side, depth = _SIDE, 1
        self.convolutions = nn.ModuleList()
        for width in spec.channels:
            self.convolutions.append(nn.Conv2d(depth, width, _KERNEL))
            side, depth = (side - _KERNEL + 1) // _POOL, width
        widths = (side * side * depth, *spec.hidden)
        self.linears = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))
        self.classifier = nn.Linear(widths[-1], spec.classes)

    def features(self, x: Tensor) -> Tensor:
        """The input of the fully connected layers (n × d) of images (n × 1 × 28 × 28)."""
        for convolution in self.convolutions:
            x = max_pool2d(relu(convolution(x)), _POOL)
        return x.flatten(1)

    def head(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The last hidden layer (n × width) and the logits (n × classes).

        Args:
            features: (n × d), what the fully connected layers see.
        """
        for linear in self.linears:
            features = relu(linear(features))
        return features, self.classifier(features)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n × classes) of images (n × 1 × 28 × 28)."""
        return self.head(self.features(x))[1]

    @torch.no_grad()
    def activations(self, x: Tensor) -> list[tuple[str, Tensor]]:
        """Outputs of the hidden layers, after ReLU and pooling.

        Args:
            x: (n × 1 × 28 × 28) images.

        Returns:
            Name and output of each layer but the classifier, in order: (n × d), of a convolution
            (n × channels × side × side).
        """
        found = []
        for i, convolution in enumerate(self.convolutions):
            x = max_pool2d(relu(convolution(x)), _POOL)
            found.append((f"convolutions.{i}", x))
        x = x.flatten(1)
        for i, linear in enumerate(self.linears):
            x = relu(linear(x))
            found.append((f"linears.{i}", x))
        return found

    @torch.no_grad()
    def logits(self, x: Tensor) -> Tensor:
        """`forward` without gradients."""
        logits: Tensor = self(x)
        return logits

    def weights(self) -> list[Tensor]:
        """The weight matrices (in × out) in order, the classifier's last.

        A convolution's is unrolled to (in · 5 · 5) × out; only the matrices of a fully connected
        stack can be multiplied in a chain.
        """
        layers = [*self.convolutions, *self.linears, self.classifier]
        return [layer.weight.detach().flatten(1).T for layer in layers]  # type: ignore[operator, union-attr]

    def head_weights(self) -> list[Tensor]:
        """The matrices (in × out) after the convolutions: a chain, the classifier's last."""
        return self.weights()[len(self.convolutions) :]


def build(spec: NetSpec, seed: int) -> Net:
    """An untrained network, in evaluation mode.

    Args:
        spec: what to build.
        seed: of its random weights; the global generator stays as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Net(spec).eval()


@torch.no_grad()
def accuracy(net: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of images a network classifies rightly.

    Args:
        net: in evaluation mode.
        images: (n × 1 × 28 × 28).
        labels: (n,).
    """
    return float((net(images).argmax(1) == labels).double().mean())
