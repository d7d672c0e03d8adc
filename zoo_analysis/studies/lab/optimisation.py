"""The training of the studies' networks, each once: kept under the hash of what made them."""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from zoo_analysis.digits.training import one_thread
from zoo_analysis.studies.lab.attacks import fgsm, pgd
from zoo_analysis.studies.lab.mnist import Digits, load_mnist
from zoo_analysis.studies.lab.networks import Net, NetSpec

Strategy = Literal["standard", "fgsm", "pgd"]

#: Of adversarial training: the usual size for small networks on MNIST is 0.1 to 0.3.
TRAINING_EPSILON: Final = 0.1
_BATCH: Final = 50
_RATE: Final = 1e-3
#: Changed whenever training itself changes, so that networks of older code are not reused.
_RECIPE: Final = 1


@dataclass(frozen=True)
class TrainedNet:
    """A trained network, kept in a file.

    Attributes:
        spec: what was built.
        seed: of its weights, the order of the images and the attacks.
        strategy: on what it was trained.
        epochs: those kept, ascending, the last being the end of training; 0 is the beginning.
        path: of the safetensors file.
    """

    spec: NetSpec
    seed: int
    strategy: Strategy
    epochs: tuple[int, ...]
    path: Path

    @property
    def revision(self) -> str:
        """Twelve hex digits that hash what made it."""
        return self.path.stem[-12:]

    def net(self, epoch: int | None = None) -> Net:
        """The network in evaluation mode, without gradients of its weights.

        Args:
            epoch: one of `epochs`; None for the last.

        Raises:
            KeyError: an epoch that was not kept.
        """
        from safetensors import safe_open

        epoch = self.epochs[-1] if epoch is None else epoch
        if epoch not in self.epochs:
            raise KeyError(f"epoch {epoch} was not kept: {self.epochs}")
        prefix = f"{epoch}/"
        with safe_open(self.path, "pt") as file:
            names = [name for name in file.keys() if name.startswith(prefix)]  # noqa: SIM118
            state = {name.removeprefix(prefix): file.get_tensor(name) for name in names}
        with torch.device("meta"):
            net = Net(self.spec)
        net.load_state_dict(state, assign=True)
        return net.eval().requires_grad_(False)


def train(
    spec: NetSpec,
    seed: int,
    epochs: int,
    strategy: Strategy = "standard",
    *,
    cache: Path,
    snapshots: tuple[int, ...] = (),
    data: Digits | None = None,
    extractor: TrainedNet | None = None,
) -> TrainedNet:
    """Train a network from scratch, unless it is there already.

    Adam at 10⁻³ on cross-entropy, batches of 50, one thread: on one machine the same arguments
    give the same bits. ``"fgsm"`` and ``"pgd"`` train on images attacked at ε = 0.1 as they come
    (Goodfellow 2015; Madry 2018). The file appears complete or not at all.

    Args:
        spec: what to build.
        seed: of its weights, the order of the images and the attacks.
        epochs: passes over the images.
        strategy: on what to train.
        cache: directory for trained networks; made if need be.
        snapshots: epochs to keep besides the last; 0 is before training.
        data: what to train on; None for MNIST's training digits.
        extractor: a trained network with the same convolutions, which are taken from it and stay.
    """
    data = load_mnist()[0] if data is None else data
    kept = tuple(sorted({epochs, *(epoch for epoch in snapshots if 0 <= epoch <= epochs)}))
    made_of = json.dumps(
        [
            _RECIPE,
            asdict(spec),
            seed,
            epochs,
            strategy,
            kept,
            data.id,
            extractor and extractor.revision,
        ],
        sort_keys=True,
    )
    digest = hashlib.sha256(made_of.encode()).hexdigest()[:12]
    path = cache / f"{spec.name}-{strategy}-{seed}-{digest}.safetensors"
    if not path.is_file():
        states = _states(spec, seed, epochs, strategy, kept, data, extractor)
        _save(states, path, made_of)
    return TrainedNet(spec, seed, strategy, kept, path)


def passes(net: Net, data: Digits, epochs: int, strategy: Strategy = "standard") -> Iterator[int]:
    """The number of each pass over the images, from 1, once the network has been trained on them.

    Args:
        net: trained further in place, with an optimiser of its own.
        data: what to train on.
        epochs: how many passes.
        strategy: see `train`.
    """
    optimizer = torch.optim.Adam(net.parameters(), lr=_RATE)
    for epoch in range(1, epochs + 1):
        for batch in torch.split(torch.randperm(len(data)), _BATCH):
            images, labels = data.images[batch], data.labels[batch]
            if strategy != "standard":
                attack = fgsm if strategy == "fgsm" else pgd
                images = attack(net, images, labels, TRAINING_EPSILON)
            loss = cross_entropy(net(images), labels)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        yield epoch


def _states(
    spec: NetSpec,
    seed: int,
    epochs: int,
    strategy: Strategy,
    kept: tuple[int, ...],
    data: Digits,
    extractor: TrainedNet | None,
) -> dict[str, Tensor]:
    """The parameters of the epochs to keep, as ``epoch/name``."""
    states: dict[str, Tensor] = {}

    def keep(net: Net, epoch: int) -> None:
        if epoch in kept:
            states.update({f"{epoch}/{k}": v.clone() for k, v in net.state_dict().items()})

    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = Net(spec)
        if extractor is not None:
            net.convolutions.load_state_dict(extractor.net().convolutions.state_dict())
            net.convolutions.requires_grad_(False)
        keep(net, 0)
        for epoch in passes(net, data, epochs, strategy):
            keep(net, epoch)
    return states


def _save(states: dict[str, Tensor], path: Path, made_of: str) -> None:
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as folder:
        unfinished = Path(folder) / path.name
        save_file(states, unfinished, metadata={"made_of": made_of})
        unfinished.replace(path)
