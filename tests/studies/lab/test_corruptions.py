"""Corruptions of digits after MNIST-C."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from zoo_analysis.studies.lab.corruptions import CORRUPTIONS, corrupted
from zoo_analysis.studies.lab.mnist import Digits, load_three_digits

#: Without anything random.
FIXED = {"scale", "brightness", "stripe", "canny_edges"}


@pytest.fixture(scope="module")
def few() -> Digits:
    return load_three_digits()[1].sample(100)


def test_there_are_the_fifteen_of_mnist_c() -> None:
    assert len(CORRUPTIONS) == 15


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_are_seeded_change_images_and_stay_in_range(name: str, few: Digits) -> None:
    once, again, other = (corrupted(name, few.images, seed) for seed in (0, 0, 1))
    assert once.shape == few.images.shape
    assert once.dtype == few.images.dtype
    assert torch.equal(once, again)
    assert once.min() >= 0
    assert once.max() <= 1
    assert ((once - few.images).abs().amax((1, 2, 3)) > 0.1).double().mean() > 0.9
    assert torch.equal(once, other) == (name in FIXED)


def test_a_translation_moves_a_digit_and_loses_nothing_far_from_the_border() -> None:
    images = torch.zeros(50, 1, 28, 28)
    images[:, :, 14, 14] = 1
    _, _, rows, columns = corrupted("translate", images).nonzero(as_tuple=True)
    assert {*rows.tolist(), *columns.tolist()} == {11, 17}
    assert len(rows) == 50


def test_shot_noise_counts_photons_of_the_right_mean() -> None:
    noisy = 3 * corrupted("shot_noise", torch.full((400, 1, 28, 28), 0.1))
    torch.testing.assert_close(noisy, noisy.round())
    assert float(noisy.mean()) == pytest.approx(0.3, abs=0.01)


def test_a_turn_is_scipys_rotation(few: Digits) -> None:
    turned = corrupted("rotate", few.images)
    degrees = np.degrees(0.4)
    for image, found in zip(few.images[:, 0].numpy(), turned[:, 0].numpy(), strict=True):
        either = [ndimage.rotate(image, a, reshape=False, order=1) for a in (degrees, -degrees)]
        assert min(np.abs(found - each).max() for each in either) < 1e-5


def test_a_shrunken_square_has_two_thirds_of_its_side() -> None:
    image = torch.zeros(1, 1, 28, 28)
    image[..., 5:23, 5:23] = 1
    assert float(corrupted("scale", image).sum()) == pytest.approx(144, rel=0.02)


def test_a_motion_blur_smears_a_point_one_way_and_keeps_its_light() -> None:
    images = torch.zeros(40, 1, 28, 28)
    images[:, :, 14, 10] = 1
    blurred = corrupted("motion_blur", images)[:, 0]
    torch.testing.assert_close(blurred.sum((1, 2)), torch.ones(40), atol=0.05, rtol=0)
    assert float(blurred[:, :, :9].sum()) == 0
    assert float(blurred[:, :, 12:].sum(dim=(1, 2)).min()) > 0.2


def test_an_inverted_border_leaves_the_middle(few: Digits) -> None:
    striped = corrupted("stripe", few.images)
    assert torch.equal(striped[..., 7:21], few.images[..., 7:21])
    torch.testing.assert_close(striped[..., :7] + few.images[..., :7], torch.ones(100, 1, 28, 7))


def test_glass_only_moves_light_about() -> None:
    images = torch.zeros(20, 1, 28, 28)
    images[:, :, 10:18, 10:18] = 1
    seen = corrupted("glass_blur", images)
    torch.testing.assert_close(seen.sum((1, 2, 3)), images.sum((1, 2, 3)), rtol=1e-3, atol=0)
