"""What names a method: its choices, and nothing else."""

import dataclasses
import json

import pytest

from zoo_analysis.errors import ZooError
from zoo_analysis.spectra import PRESETS, Method, method

CHANGES = {
    "conv2d": "fft",
    "dtype": "float32",
    "conv_scale": "half",
    "split_groups": False,
    "estimator": "weightwatcher",
    "rank": "computed",
    "tails": "any",
    "min_evals": 11,
    "max_evals": 100,
    "max_n": 100,
    "min_eval": 1e-3,
    "entropy_epsilon": 1e-9,
    "xmax": 2.0,
    "max_fingers": 3,
    "fft_size": 16,
    "randomize": True,
    "alternatives": True,
    "window": 64,
    "window_ratio": 2.0,
    "window_step": 0.5,
    "split_qkv": True,
    "base": "lab/base@0123",
    "of": "blocks",
}


def test_every_choice_is_one_that_changes_the_hash():
    assert set(CHANGES) == {field.name for field in dataclasses.fields(Method)} - {"preset"}
    hashes = {method(**{name: value}).hash for name, value in CHANGES.items()}
    assert len(hashes | {method().hash}) == len(CHANGES) + 1


@pytest.mark.parametrize(("name", "value"), CHANGES.items())
def test_the_id_names_the_preset_the_departure_and_the_hash(name, value):
    how = method(**{name: value})
    # So that no beginning of another id is theirs.
    kind = {"base": "delta-", "of": "blocks-"}.get(name, "")
    assert how.id == f"{kind}default+{name}={value}-{how.hash}"
    assert len(how.hash) == 8
    int(how.hash, 16)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_is_known_by_its_name_and_its_choices_by_their_hash(preset):
    how = method(preset)
    assert how == PRESETS[preset]
    assert how.id == f"{preset}-{how.hash}"
    renamed = dataclasses.replace(how, preset="mine")
    assert renamed.hash == how.hash
    assert renamed.id != how.id


def test_equal_methods_are_equal_values():
    assert method(conv2d="fft") == method(conv2d="fft")
    assert hash(method(conv2d="fft")) == hash(method(conv2d="fft"))
    assert method(conv2d="pool") == method()
    assert len({PRESETS[name].hash for name in PRESETS}) == len(PRESETS)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_method_survives_json(preset):
    how = method(preset)
    assert Method(**json.loads(json.dumps(how.as_dict()))) == how


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"preset": "nature2020"}, r"no method 'nature2020': use one of default, weightwatcher"),
        ({"conv2d": "im2col"}, r"conv2d is 'im2col': use one of pool, slices, flatten, fft"),
        ({"dtype": "float16"}, r"dtype is 'float16': use one of float64, float32"),
        ({"conv_scale": "none"}, r"conv_scale is 'none': use one of kernel, half"),
        ({"estimator": "mle"}, r"estimator is 'mle': use one of clauset, weightwatcher"),
        ({"min_evals": 1}, r"min_evals is 1: a fit needs at least 2"),
        ({"fft_size": 0}, r"fft_size is 0"),
    ],
)
def test_an_impossible_choice_is_refused_in_one_line(changes, message):
    with pytest.raises(ZooError, match=message) as caught:
        method(**changes)
    assert "\n" not in str(caught.value)


def test_a_method_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        method().conv2d = "fft"  # type: ignore[misc]
