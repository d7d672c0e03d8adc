"""What model cards report."""

import logging
from pathlib import Path

import pytest
import yaml
from huggingface_hub import EvalResult, ModelCardData
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zoo_analysis.sources.card import Card, read_card
from zoo_analysis.sources.percents import percent


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
        ("cosine_accuracy_threshold", 0.7713, 0.7713),
        ("cosine_f1_threshold", 0.7187, 0.7187),
        ("cosine_accuracy", 0.7431, 74.31),
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


@pytest.mark.parametrize("value", [97.3, 0.9])
def test_percent_signs_are_understood(tmp_path, value):
    [accuracy] = reported(tmp_path, result(metric_value=f"{value}%"))
    assert accuracy.value == value


def test_metrics_without_a_value_that_could_be_used_are_said(tmp_path):
    odd = "".join(f"{{type: m{i}}}, {{type: f1, value: n/a}}, " for i in range(9))
    found = card(tmp_path, "model-index: [{name: n, results: [{dataset: {type: d}, metrics: "
                 f"[{odd} {{type: accuracy, value: 76.2}}]}}]}}]")  # fmt: skip
    assert [accuracy.metric for accuracy in found.accuracies] == ["accuracy"]
    assert found.remarks == (
        "card: no usable value of m0 on d, f1 on d, m1 on d, m2 on d and 6 more",
    )


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


WHOLE = {"license": "mit", "library_name": "timm", "tags": ["series:vgg"],
         "model-index": [{"results": [{"dataset": {"type": "d"}, "metrics": [
             {"type": "accuracy", "value": 76.2}]}]}]}  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)  # fmt: skip


def told(found: Card) -> dict[str, object]:
    return {"license": found.license, "library_name": found.library, "tags": found.series,
            "model-index": [a.value for a in found.accuracies]}  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(field=st.sampled_from(["eval_results", "metrics", "language", "base_model", *WHOLE]),
       value=ANYTHING)  # fmt: skip
def test_an_odd_field_costs_itself_alone(tmp_path, field, value):
    found = card(tmp_path, yaml.safe_dump({**WHOLE, field: value}))
    right = {"license": "mit", "library_name": "timm", "tags": "vgg", "model-index": [76.2]}
    for other in set(WHOLE) - {field}:
        assert told(found)[other] == right[other]
    for text in (found.license, found.library, found.base_model, found.series):
        assert text is None or text.encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(odd=ANYTHING, where=st.sampled_from(["entry", "result", "dataset", "source", "metric",
                                            "type", "value"]))  # fmt: skip
def test_an_odd_metric_costs_itself_alone(tmp_path, odd, where):
    metric = {"type": odd if where == "type" else "f1", "value": odd if where == "value" else 0.5}
    result = {"dataset": odd if where == "dataset" else {"type": "x"},
              "source": odd if where == "source" else {"url": "u"},
              "metrics": [odd if where == "metric" else metric]}  # fmt: skip
    entry = {"results": [odd if where == "result" else result]}
    index = [odd if where == "entry" else entry, *WHOLE["model-index"]]
    found = card(tmp_path, yaml.safe_dump({**WHOLE, "model-index": index}))
    assert ("d", "accuracy", 76.2) in {(a.dataset, a.metric, a.value) for a in found.accuracies}


@given(st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_is_a_card(tmp_path, text):
    card(tmp_path, text)


@pytest.mark.parametrize(
    "odd", ["eval_results: see the paper", "broken: [unclosed", "when: 2024-99-99", "a: b: c"]
)
def test_a_field_that_is_no_yaml_costs_itself_alone(tmp_path, odd):
    found = card(tmp_path, f"license: mit\n{odd}\nlibrary_name: timm\ntags:\n- series:vgg")
    assert (found.license, found.library, found.series) == ("mit", "timm", "vgg")


def test_a_byte_order_mark_costs_nothing(tmp_path):
    (tmp_path / "README.md").write_bytes(b"\xef\xbb\xbf---\r\nlicense: mit\r\n---\r\n")
    assert read_card(tmp_path, "o/n").license == "mit"


def test_a_metric_without_a_value_costs_itself_alone(tmp_path):
    found = card(tmp_path, """model-index:
- name: n
  results:
  - task: {type: t}
    dataset: {type: imagenet-1k, name: ImageNet}
    metrics: [{type: accuracy, value: 76.2}, {type: f1}]""")  # fmt: skip
    assert [(a.metric, a.value) for a in found.accuracies] == [("accuracy", 76.2)]


@pytest.mark.parametrize("value", [7613.0, -0.2, 100.1])
def test_a_share_outside_its_range_is_left_out_and_said(tmp_path, value):
    data = ModelCardData(
        model_name="n", eval_results=[result(metric_value=value), result(metric_type="f1")]
    )
    found = card(tmp_path, data.to_yaml())
    assert [accuracy.metric for accuracy in found.accuracies] == ["f1"]
    (remark,) = found.remarks
    assert f"accuracy on imagenet-1k ({value:g} is no share of a whole)" in remark


def test_a_card_without_front_matter_says_nothing(tmp_path, caplog):
    (tmp_path / "README.md").write_text("# only text")
    assert read_card(tmp_path, "o/n") == read_card(tmp_path / "absent", "o/n")
    assert not caplog.records
