"""Networks, their training and cache, and attacks."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from zoo_analysis.studies.lab.attacks import ATTACKS, Attack, attacked, fgsm, pgd
from zoo_analysis.studies.lab.mnist import TEST_IMAGES, Digits, load_mnist, load_three_digits
from zoo_analysis.studies.lab.networks import NetSpec, accuracy, build
from zoo_analysis.studies.lab.optimisation import train
from zoo_analysis.studies.lab.retrained_attack import retrained_attack

SMALL = NetSpec("small", (12, 8))
CNN = NetSpec("cnn", (), channels=(3, 4))


@pytest.fixture(scope="module")
def few() -> Digits:
    return load_mnist()[0].sample(400)


@pytest.fixture(scope="module")
def held_out() -> Digits:
    return load_mnist()[1].sample(300)


def test_held_out_digits_are_stratified_and_never_trained_on() -> None:
    training, test = load_mnist()
    assert test.labels.bincount().tolist() == [TEST_IMAGES // 10] * 10
    assert training.labels.bincount().tolist() == [400] * 10
    assert (test.images.min(), test.images.max()) == (0, 1)
    seen = {image.numpy().tobytes() for image in training.images}
    assert not any(image.numpy().tobytes() in seen for image in test.images)


def test_most_of_three_digits_are_held_out() -> None:
    training, test = load_three_digits()
    assert sorted(training.labels.bincount().tolist()) == [166, 167, 167]
    assert sorted(test.labels.bincount().tolist()) == [333, 333, 334]
    seen = {image.numpy().tobytes() for image in training.images}
    assert not any(image.numpy().tobytes() in seen for image in test.images)


def test_a_head_is_trained_on_convolutions_that_stay(few: Digits, tmp_path: Path) -> None:
    extractor = train(CNN, 0, 1, cache=tmp_path, data=few)
    spec = NetSpec("head", (6,), CNN.channels, classes=10)
    head = train(spec, 1, 1, cache=tmp_path, snapshots=(0,), data=few, extractor=extractor)
    taken = extractor.net().convolutions.state_dict()
    for epoch in (0, 1):
        for name, own in head.net(epoch).convolutions.state_dict().items():
            assert torch.equal(own, taken[name])
    assert [tuple(w.shape) for w in head.net().head_weights()] == [(64, 6), (6, 10)]
    assert not torch.equal(head.net(0).head_weights()[0], head.net(1).head_weights()[0])
    other = train(CNN, 2, 1, cache=tmp_path, data=few)
    again = train(spec, 1, 1, cache=tmp_path, snapshots=(0,), data=few, extractor=other)
    assert again.revision != head.revision


def test_a_stack_is_its_weights_and_activations(few: Digits) -> None:
    net = build(SMALL, seed=0)
    layers, weights = net.activations(few.images), net.weights()
    assert [tuple(w.shape) for w in weights] == [(784, 12), (12, 8), (8, 10)]
    x = few.images.flatten(1)
    for w, linear, (_, hidden) in zip(weights[:-1], net.linears, layers, strict=True):
        x = torch.relu(x @ w + linear.bias)
        torch.testing.assert_close(x, hidden)
    torch.testing.assert_close(x @ weights[-1] + net.classifier.bias, net.logits(few.images))


def test_a_convolution_halves_its_grid(few: Digits) -> None:
    net = build(CNN, seed=0)
    shapes = {name: tuple(values.shape) for name, values in net.activations(few.images)}
    n = len(few)
    assert shapes == {"convolutions.0": (n, 3, 12, 12), "convolutions.1": (n, 4, 4, 4)}
    assert [tuple(w.shape) for w in net.weights()] == [(25, 3), (75, 4), (64, 10)]


def test_building_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = build(SMALL, seed=0)
    assert torch.equal(torch.rand(1), expected)
    again, other = build(SMALL, seed=0), build(SMALL, seed=1)
    assert torch.equal(first.weights()[0], again.weights()[0])
    assert not torch.equal(first.weights()[0], other.weights()[0])


@pytest.mark.parametrize("strategy", ["standard", "fgsm", "pgd"])
def test_training_twice_gives_the_same_bits(strategy: str, few: Digits, tmp_path: Path) -> None:
    paths = [train(SMALL, 3, 2, strategy, cache=tmp_path / i, data=few).path for i in "ab"]
    assert paths[0].name == paths[1].name
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_training_learns_and_is_not_done_twice(
    few: Digits, held_out: Digits, tmp_path: Path
) -> None:
    first = train(SMALL, 0, 20, cache=tmp_path, snapshots=(0, 4), data=few)
    written = first.path.stat().st_mtime_ns
    again = train(SMALL, 0, 20, cache=tmp_path, snapshots=(4, 0), data=few)
    assert (again, again.path.stat().st_mtime_ns) == (first, written)
    assert first.epochs == (0, 4, 20)
    untrained = first.net(0)
    assert torch.equal(untrained.weights()[0], build(SMALL, seed=0).weights()[0])
    scores = [accuracy(first.net(e), held_out.images, held_out.labels) for e in first.epochs]
    assert scores[0] < scores[1] < scores[2]
    assert scores[2] > 0.5


def test_whatever_differs_is_kept_apart(few: Digits, tmp_path: Path) -> None:
    twins = Digits(few.images, few.labels.flip(0))
    paths = {
        train(spec, seed, epochs, strategy, cache=tmp_path, data=data).path
        for spec, seed, epochs, strategy, data in [
            (SMALL, 0, 1, "standard", few),
            (NetSpec("small", (12, 9)), 0, 1, "standard", few),
            (SMALL, 1, 1, "standard", few),
            (SMALL, 0, 2, "standard", few),
            (SMALL, 0, 1, "fgsm", few),
            (SMALL, 0, 1, "standard", twins),
        ]
    }
    assert len(paths) == 6
    assert sorted(tmp_path.iterdir()) == sorted(paths)  # nothing unfinished is left


def test_an_epoch_that_was_not_kept_is_named(few: Digits, tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="epoch 5 was not kept"):
        train(SMALL, 0, 1, cache=tmp_path, data=few).net(5)


def test_fgsm_of_a_linear_network_is_the_sign_of_its_gradient() -> None:
    """For softmax cross-entropy, dL/dx = W (p − onehot(y))."""
    net = build(NetSpec("linear", ()), seed=0)
    images = torch.full((5, 1, 28, 28), 0.5)
    labels = torch.arange(5)
    error = net.logits(images).softmax(1) - torch.nn.functional.one_hot(labels, 10)
    expected = 0.5 + 0.1 * (error @ net.weights()[0].T).sign()
    torch.testing.assert_close(fgsm(net, images, labels, 0.1).flatten(1), expected)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["fgsm", "pgd"]), st.floats(0.001, 0.4), st.integers(0, 1000))
def test_attacks_stay_in_the_ball_and_in_range(kind: str, epsilon: float, seed: int) -> None:
    net = build(SMALL, seed=seed)
    digits = load_mnist()[1].sample(4, seed)
    moved = attacked(kind, net, digits.images, digits.labels, epsilon, seed)
    assert (moved - digits.images).abs().max() <= epsilon + 1e-6
    assert moved.min() >= 0
    assert moved.max() <= 1
    assert not moved.requires_grad


def test_attacks_raise_the_loss_and_pgd_no_less_than_fgsm(few: Digits, tmp_path: Path) -> None:
    net = train(SMALL, 0, 8, cache=tmp_path, data=few).net()

    def loss(images: Tensor) -> float:
        return float(torch.nn.functional.cross_entropy(net(images), few.labels))

    generator = torch.Generator().manual_seed(0)
    steps = [pgd(net, few.images, few.labels, 0.1, steps=s, generator=generator) for s in (7, 20)]
    losses = [loss(x) for x in (few.images, fgsm(net, few.images, few.labels, 0.1), *steps)]
    assert losses[0] < losses[1] < losses[3]
    assert losses[1] <= losses[2] * 1.02


@pytest.mark.parametrize("kind", ATTACKS)
def test_attacks_stay_near_the_image_and_raise_the_loss(
    kind: Attack, few: Digits, tmp_path: Path
) -> None:
    net = train(SMALL, 0, 30, cache=tmp_path, data=few).net()
    moved = attacked(kind, net, few.images, few.labels, 0.1)
    assert 0 <= moved.min() <= moved.max() <= 1
    if kind != "gaussian_noise":
        assert (moved - few.images).abs().max() <= 0.1 + 1e-6
        assert accuracy(net, moved, few.labels) < accuracy(net, few.images, few.labels) - 0.2
    grey = torch.full((200, 1, 28, 28), 0.5)
    noise = attacked("gaussian_noise", net, grey, few.labels[:200], 0.1) - grey
    assert float(noise.std()) == pytest.approx(0.1, rel=0.02)


def test_trades_needs_no_labels_and_moves_answers_further_than_noise(
    few: Digits, tmp_path: Path
) -> None:
    net = train(SMALL, 0, 30, cache=tmp_path, data=few).net()
    wrong = few.labels.roll(1)
    by_either = [attacked("trades", net, few.images, y, 0.1) for y in (few.labels, wrong)]
    assert torch.equal(*by_either)
    before = torch.log_softmax(net.logits(few.images), 1)

    def away(images: Tensor) -> float:
        after = torch.log_softmax(net.logits(images), 1)
        return float((before.exp() * (before - after)).sum())

    assert away(by_either[0]) > 5 * away(attacked("gaussian_noise", net, few.images, wrong, 0.1))


def test_pgds_start_is_seeded(few: Digits) -> None:
    net = build(SMALL, seed=0)
    images = [attacked("pgd", net, few.images, few.labels, 0.1, seed) for seed in (0, 0, 1)]
    assert torch.equal(images[0], images[1])
    assert not torch.equal(images[0], images[2])


def test_the_retrained_attack_moves_each_pixel_by_whole_steps_of_either_sign() -> None:
    digits = load_mnist()[1].sample(100)
    size = 0.0625  # a power of two: sums are exact
    grey = Digits(torch.full_like(digits.images, 0.5), digits.labels)
    moved = retrained_attack(CNN, grey, 0, steps=3, size=size, epochs=1)
    steps = (moved - 0.5) / size
    assert set(steps.unique().tolist()) <= {-3, -2, -1, 0, 1, 2, 3}
    assert steps.abs().max() == 3
    torch.testing.assert_close(moved, retrained_attack(CNN, grey, 0, steps=3, size=size, epochs=1))
    moved = retrained_attack(CNN, digits, 0, steps=2, epochs=1)
    assert 0 <= moved.min() <= moved.max() <= 1
    assert (moved - digits.images).abs().max() <= 20 / 255 + 1e-6


def test_one_step_of_the_retrained_attack_is_fgsm_on_a_network_trained_on_what_it_attacks(
    tmp_path: Path,
) -> None:
    digits = load_mnist()[1].sample(100)
    net = train(CNN, 7, 2, cache=tmp_path, data=digits).net()
    expected = fgsm(net, digits.images, digits.labels, 0.1)
    moved = retrained_attack(CNN, digits, 7, steps=1, size=0.1, epochs=2)
    torch.testing.assert_close(moved, expected)


def test_a_surrogate_that_learns_on_the_way_is_no_longer_the_one_that_began() -> None:
    digits = load_mnist()[1].sample(200)
    net = build(CNN, 7)
    first = fgsm(net, fgsm(net, digits.images, digits.labels, 0.1), digits.labels, 0.1)
    assert not torch.equal(retrained_attack(CNN, digits, 7, steps=2, size=0.1, epochs=1), first)
