"""Pairs of digits and the last digit of their sum."""

import numpy as np
from sklearn.linear_model import RidgeClassifier

from zoo_analysis.studies.lab.digit_pairs import load_digit_pairs
from zoo_analysis.studies.lab.mnist import load_mnist


def halved(images: np.ndarray) -> np.ndarray:
    """Means of 2 × 2 pixels, in 255ths: whole numbers but for quarters."""
    return np.rint(images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)) * 1020).astype(np.int16)


def test_each_half_is_a_digit_of_its_own_split_and_the_label_their_sums_last_digit() -> None:
    for digits, pairs in zip(load_mnist(), load_digit_pairs(), strict=True):
        known = {
            image.tobytes(): int(label)
            for image, label in zip(halved(digits.images.numpy()), digits.labels, strict=True)
        }
        images = np.rint(pairs.images.numpy() * 1020).astype(np.int16)[:, 0]
        assert not images[:, :7].any()
        assert not images[:, 21:].any()
        for image, label in list(zip(images, pairs.labels, strict=True))[:500]:
            left, right = (known[image[7:21, side].tobytes()] for side in (np.s_[:14], np.s_[14:]))
            assert (left + right) % 10 == label


def test_a_linear_probe_of_the_pixels_knows_a_digit_but_not_the_sum() -> None:
    def score(splits: tuple) -> float:  # type: ignore[type-arg]
        (x, labels), (y, truth) = ((s.images.flatten(1).numpy(), s.labels.numpy()) for s in splits)
        return float(RidgeClassifier(alpha=10).fit(x, labels).score(y, truth))

    assert score(load_mnist()) > 0.8
    assert score(load_digit_pairs()) < 0.2
