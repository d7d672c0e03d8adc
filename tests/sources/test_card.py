"""What model cards report."""

import logging
from pathlib import Path

import pytest
from huggingface_hub import EvalResult, ModelCardData
from hypothesis import given
from hypothesis import strategies as st

from zoo_analysis.sources.card import percent, read_card


def card(directory: Path, front_matter: str):
    (directory / "README.md").write_text(f"---\n{front_matter}\n---\n# a model\n")
    return read_card(directory, "o/n")


def result(**changes) -> EvalResult:
    fields = {"task_type": "t", "dataset_type": "imagenet-1k", "dataset_name": "ImageNet",
              "metric_type": "accuracy", "metric_value": 0.75, **changes}  # fmt: skip
    return EvalResult(**fields)


def reported(directory: Path, *results: EvalResult):
    data = ModelCardData(model_name="n", eval_results=list(results))
    return card(directory, data.to_yaml()).accuracies


def test_front_matter_gives_the_metadata(tmp_path):
    found = card(tmp_path, "license: mit\npipeline_tag: fill-mask\nlibrary_name: timm\n"
                 "base_model: [a/b, c/d]\ntags: [x, 'series:vgg']")  # fmt: skip
    assert (found.license, found.pipeline_tag, found.library) == ("mit", "fill-mask", "timm")
    assert (found.base_model, found.series) == ("a/b, c/d", "vgg")


def test_a_model_index_gives_accuracies_in_percent(tmp_path):
    [accuracy] = reported(tmp_path, result(source_name="s", source_url="https://u"))
    assert (accuracy.repo_id, accuracy.dataset, accuracy.metric) == (
        "o/n", "imagenet-1k", "accuracy")  # fmt: skip
    assert accuracy.value == 75.0
    assert (accuracy.source, accuracy.source_url) == ("card", "https://u")


@pytest.mark.parametrize(
    ("metric", "value", "is_percent"),
    [
        ("accuracy", 0.912, 91.2),
        ("accuracy", 91.2, 91.2),
        ("accuracy", 1.0, 100.0),
        ("f1", 0.5, 50.0),
        ("top5", 0.9, 90.0),
        ("perplexity", 0.9, 0.9),
        ("loss", 0.3, 0.3),
        ("wer", 12.0, 12.0),
    ],
)
def test_shares_of_at_most_one_are_fractions_and_other_metrics_are_kept(metric, value, is_percent):
    assert percent(metric, value) == pytest.approx(is_percent)


@given(st.floats(0.011, 1.0))
def test_percentages_stay_what_they_are(fraction):
    once = percent("accuracy", fraction)
    assert percent("accuracy", once) == once


def test_a_configuration_of_a_data_set_is_part_of_its_name(tmp_path):
    names = {
        a.dataset
        for a in reported(tmp_path, result(dataset_type="glue", dataset_config="mrpc"),
                          result(dataset_type="cifar10", dataset_config="default"))
    }  # fmt: skip
    assert names == {"glue:mrpc", "cifar10"}


def test_of_several_splits_the_held_out_one_counts(tmp_path):
    [accuracy] = reported(
        tmp_path,
        result(dataset_split="train", metric_value=0.99),
        result(dataset_split="test", metric_value=0.7),
        result(dataset_split="validation", metric_value=0.8),
    )
    assert (accuracy.split, accuracy.value) == ("test", 70.0)


@pytest.mark.parametrize("value", ["n/a", {"a": 1}, [1], True, float("nan"), float("inf")])
def test_values_that_are_no_numbers_are_left_out(tmp_path, value):
    kept = reported(tmp_path, result(metric_value=value), result(metric_type="f1"))
    assert [accuracy.metric for accuracy in kept] == ["f1"]


def test_percent_signs_are_understood(tmp_path):
    [accuracy] = reported(tmp_path, result(metric_value="97.3%"))
    assert accuracy.value == 97.3


@pytest.mark.parametrize(
    "front_matter",
    [
        "license: [unclosed",
        "- a\n- list",
        "tags: 3",
        "just text",
        "a: &a [*a]",
        "model-index: 3",
        "model-index:\n- name: n",
        "model-index:\n- name: n\n  results:\n  - metrics: 7",
        "\x00\x01",
    ],
)
def test_a_malformed_card_costs_only_its_metadata(tmp_path, front_matter, capfd, caplog):
    with caplog.at_level(logging.INFO):
        found = card(tmp_path, front_matter)
    assert found.accuracies == ()
    assert not caplog.records, "nothing reaches the user's terminal"
    assert capfd.readouterr() == ("", "")


def test_a_card_without_front_matter_says_nothing(tmp_path, caplog):
    (tmp_path / "README.md").write_text("# only text")
    assert read_card(tmp_path, "o/n") == read_card(tmp_path / "absent", "o/n")
    assert not caplog.records
