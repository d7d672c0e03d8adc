"""Small networks trained here, and what is made of them: tuned, pruned, quantised, permuted."""

import copy
from itertools import pairwise
from pathlib import Path

import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits
from torch import nn

from zoo_analysis.pairwise.lineage.fingerprint import Fingerprint, fingerprint_of
from zoo_analysis.weights.layers.architecture import describe
from zoo_analysis.weights.layers.listing import inventory_by
from zoo_analysis.weights.readers.memory import MemoryCheckpoint

_BATCH = 50


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """1,797 digits of 8 × 8 pixels (n × 64) in [0, 1], and what they are (n,), in a fixed order."""
    images, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    x = torch.tensor(images / 16, dtype=torch.float32)
    return x[order], torch.tensor(labels)[order]


def stack(seed: int, widths: tuple[int, ...] = (64, 96, 48, 10)) -> nn.Sequential:
    """A fully connected network with ReLU, untrained."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for into, out in pairwise(widths):
            layers += [nn.Linear(into, out), nn.ReLU()]
        return nn.Sequential(*layers[:-1])


def trained(
    net: nn.Sequential, x: torch.Tensor, y: torch.Tensor, steps: int, seed: int, lr: float = 3e-3
) -> nn.Sequential:
    """A copy of a network, trained on digits with AdamW."""
    net, draw = copy.deepcopy(net), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=lr)
    for _ in range(steps):
        batch = torch.randint(0, len(y), (_BATCH,), generator=draw)
        loss = nn.functional.cross_entropy(net(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net


@torch.no_grad()
def pruned(net: nn.Sequential, share: float = 0.5) -> nn.Sequential:
    """The same with its smallest weights zero, matrix by matrix."""
    net = copy.deepcopy(net)
    for weight in _matrices(net):
        weight[weight.abs() < weight.abs().flatten().quantile(share)] = 0
    return net


@torch.no_grad()
def quantised(net: nn.Sequential, levels: int = 127) -> nn.Sequential:
    """The same in integers with a scale for each output."""
    net = copy.deepcopy(net)
    for weight in _matrices(net):
        scale = weight.abs().amax(1, keepdim=True) / levels
        weight.copy_((weight / scale).round() * scale)
    return net


@torch.no_grad()
def permuted(net: nn.Sequential, seed: int = 0, rescaled: bool = False) -> nn.Sequential:
    """The same function, its hidden units in another order and, if wanted, of other scales."""
    net, draw = copy.deepcopy(net), torch.Generator().manual_seed(seed)
    linears = [layer for layer in net if isinstance(layer, nn.Linear)]
    for layer, after in pairwise(linears):
        order = torch.randperm(layer.out_features, generator=draw)
        scale = torch.rand(len(order), generator=draw) + 0.5 if rescaled else torch.ones(len(order))
        layer.weight.copy_(layer.weight[order] * scale[:, None])
        layer.bias.copy_(layer.bias[order] * scale)
        after.weight.copy_(after.weight[:, order] / scale)
    return net


def print_of(net: nn.Module) -> Fingerprint:
    """The fingerprint of a network in memory."""
    checkpoint = MemoryCheckpoint({k: v.detach() for k, v in net.state_dict().items()})
    return fingerprint_of(checkpoint, inventory_by(describe(net), checkpoint, {}, False).layers)


def saved(net: nn.Module, folder: Path, base: str | None = None) -> Path:
    """A network as a model's folder, whose card names its base."""
    folder.mkdir(parents=True)
    tensors = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    if base is not None:
        (folder / "README.md").write_text(f"---\nbase_model: {base}\n---\n")
    return folder


def _matrices(net: nn.Sequential) -> list[torch.Tensor]:
    return [layer.weight for layer in net if isinstance(layer, nn.Linear)]
