"""Configurations, cards and tables that are bombs or lies cost what they would have said."""

import contextlib
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.attacks.limits import within
from zoo_analysis import analyze
from zoo_analysis.errors import CheckpointError, SourceError
from zoo_analysis.imports.commit import import_tables
from zoo_analysis.imports.metric_tables import read_averages
from zoo_analysis.imports.weightwatcher import read_weightwatcher
from zoo_analysis.sources.card import read_card
from zoo_analysis.sources.catalogues.format import load_catalogue
from zoo_analysis.sources.reported.csv_tables import any_csv
from zoo_analysis.weights.checkpoint import LONGEST_NAME, TensorInfo
from zoo_analysis.weights.layers.adapters.strengths import rank_of
from zoo_analysis.weights.layers.listing import take_inventory
from zoo_analysis.weights.layers.patterns import matches
from zoo_analysis.weights.lenient_json import lenient_json
from zoo_analysis.weights.readers.open import open_checkpoint


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    with within(10):
        yield


#: Nine levels of ten references each: a thousand million licences.
LAUGHS = "a0: &a0 [lol]\n" + "".join(
    f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]\n" for i in range(9)
)
BOMBS = {
    "laughs": LAUGHS + "license: *a9\nmodel-index: *a9\n",
    "alias": "x: &a mit\nlicense: *a\n",
    "itself": "license: &a [*a]\nmodel-index: &b [*b]\n",
    "lines": "x: [\n" * 1_000_000,
    "fields": "".join(f"f{i}: *a\n" for i in range(100_000)),
    "brackets": "license: " + "[" * 100_000,
    "dashes": "license:\n  " + "- " * 100_000 + "x",
    "spaces": "license: mit" + " " * 1_000_000,
    "sixties": "license: mit\nx: 1" + ":59" * 600_000,  # numbers to the base of sixty
    "signed sixties": "x: -1" + ":00" * 600_000 + "\nlicense: mit",
    "sixties with a tag": 'license: mit\nx: !!int "1' + ":59" * 600_000 + '"',
    "digits": "license: mit\nx: " + "9" * 10**6,
    "flow": "license: mit\nx: [" + "a," * 900_000 + "]",
    "one key": "license: mit\n" + "a: 1\n" * 400_000,
    "keys of lists": "? [a, b]\n: 1\n" * 140_000,
    "pairs": "x: !!omap [" + "b: 1, " * 340_000 + "]",
}


@pytest.mark.parametrize("front", BOMBS.values(), ids=BOMBS)
def test_front_matter_unfolds_to_no_more_than_is_written(tmp_path: Path, front: str) -> None:
    (tmp_path / "README.md").write_text(f"---\n{front}\n---\n")
    assert read_card(tmp_path, "lab/net").license in (None, "mit")


@pytest.mark.parametrize(
    "text",
    ['"' * 10**6, '"\\' * 500_000, "," * 10**6, "[" * 10**6, "9" * 10**6, '{"a":' * 10**5],
    ids=lambda text: text[:3],
)
def test_what_is_no_json_is_told_in_one_look(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - in time is what counts
        lenient_json(text)


def test_patterns_are_matched_as_peft_does(tmp_path: Path) -> None:
    layer = "model.layers.3.self_attn.q_proj"
    for pattern in ("q_proj", "self_attn.q_proj", r".*\.3\..*", "(k|q)_proj", layer):
        assert matches(pattern, layer, "alpha_pattern")
    for pattern in ("proj", "layers", "v_proj", "k_proj|v_proj"):
        assert not matches(pattern, layer, "alpha_pattern")


def test_a_pattern_that_would_match_for_ever_is_refused() -> None:
    with pytest.raises(CheckpointError, match="takes too long"):
        matches("(a|aa)+", "a" * 400 + "!", "alpha_pattern")


@pytest.mark.parametrize(
    "pattern",
    [
        "((((a{9999}){9999}){9999}){9999})",
        "(?:a|b){9999999}",
        ".{99999999}",
        "(" * 40 + "a" + "+)" * 40 + "+",
        "(" * 20 + "a" + "){2,}" * 20,
        "(?x)(a { 9 # }\n 999999 } ) # \n +",
        "(?:" * 40 + "a?" + ")(?#x)+?" * 40,
    ],
)
def test_a_pattern_that_unfolds_to_gigabytes_is_refused(pattern: str) -> None:
    with within(2, more=100 << 20), pytest.raises(CheckpointError, match="too often"):
        matches(pattern, "a.b", "alpha_pattern")


def test_patterns_that_people_write_are_not_refused() -> None:
    layer = "model.layers.13.mlp.experts.3.down_proj"
    for pattern in (
        r"model\.layers\.(1[0-9]|2[0-3])\.mlp\.experts\.\d+\.(up|gate|down)_proj",
        r"^.*\.layers\.\d{1,2}\.(.+\.)+down_proj",
        r"(?!.*vision)(\w+\.){2,12}down_proj",
    ):
        assert matches(pattern, layer, "rank_pattern")


def test_a_config_of_very_many_patterns_is_refused() -> None:
    with pytest.raises(CheckpointError, match="200,000 patterns"):
        rank_of({"rank_pattern": {f"a{i}(b|c)*": 1 for i in range(200_000)}}, "q")


@pytest.mark.parametrize("pattern", ["(a+)+", "(.*)*(.*)*(.*)*x", "(a*)*b" * 50])
def test_nested_repeats_end(pattern: str) -> None:
    """Python's own matcher would take the first for ever."""
    with contextlib.suppress(CheckpointError):
        assert not matches(pattern, "a" * 400 + "!", "alpha_pattern")


@pytest.mark.parametrize("pattern", ["(", "x" * 2000, "(" * 900, "a{99999999999999999999}", "\\"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(CheckpointError, match="alpha_pattern: "):
        matches(pattern, "a.b", "alpha_pattern")


ADAPTERS = [
    {"lora_alpha": []},
    {"lora_alpha": "x"},
    {"lora_alpha": 10**400},
    {"lora_alpha": float("nan")},
    {"alpha_pattern": 5},
    {"lora_alpha": 8, "alpha_pattern": {"q": {}}},
    {"lora_alpha": 8, "alpha_pattern": {"(": 1}},
    {"lora_alpha": 8, "r": 0.5, "target_parameters": ["q"]},
    {"lora_alpha": 8, "r": -4, "target_parameters": ["q"], "use_rslora": True},
    {"peft_type": "ADALORA", "lora_alpha": 8, "r": -1e-5},
    {"lora_alpha": 8, "r": 1e308, "target_parameters": ["q"]},
]


@pytest.mark.parametrize("adapter", ADAPTERS, ids=str)
def test_an_adapter_s_values_of_other_types_are_told_or_ignored(
    tmp_path: Path, adapter: dict[str, object]
) -> None:
    half = {"base_model.model.q.lora_A.weight": torch.randn(4, 16)}
    save_file(half | {"base_model.model.q.lora_B.weight": torch.randn(16, 4)},
              tmp_path / "adapter_model.safetensors")  # fmt: skip
    (tmp_path / "adapter_config.json").write_text(json.dumps(adapter))
    told: Exception | None = None
    try:
        assert len(analyze(tmp_path)) == 1
    except CheckpointError as error:
        told = error
    assert "\n" not in str(told)


ODD_SHAPES = {
    "bare kernel": {"weight": (4, 4, 1, 1)},
    "digit": {"a.\u00b2": (40, 40), "\u00b2.weight": (40, 40)},
    "empty axis": {"a.weight": (0, 4, 3, 3), "b.weight": (8, 0, 3, 3)},
}


@pytest.mark.parametrize("shapes", ODD_SHAPES.values(), ids=ODD_SHAPES)
def test_odd_names_and_shapes_are_listed(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]]
) -> None:
    file = tmp_path / "net.safetensors"
    save_file({name: torch.randn(shape) for name, shape in shapes.items()}, file)
    with open_checkpoint(file) as checkpoint:
        books = take_inventory(checkpoint)
    assert len(books.layers) + len(books.left_out) >= 1


UNFIT = {
    "lengths": {"a.weight_v": (1, 4), "a.weight_g": (8, 1)},
    "lengths of another axis": {"a.weight_v": (8, 4), "a.weight_g": (3, 1)},
    "mask": {"a.weight_orig": (8, 4), "a.weight_mask": (2, 2)},
    "vectors": {"a.weight_orig": (8, 4), "a.weight_u": (2, 2), "a.weight_v": ()},
}


@pytest.mark.parametrize("shapes", UNFIT.values(), ids=UNFIT)
def test_tensors_that_do_not_fit_each_other_are_said(shapes: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(CheckpointError, match="do not fit"):
        analyze({name: torch.randn(shape) for name, shape in shapes.items()})


@pytest.mark.parametrize("shape", [(0, 10**400), (2**46,), (2**30, 2**30), (1,) * 100])
def test_a_shape_beyond_all_models_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(CheckpointError, match="no tensor is as large"):
        TensorInfo("a", shape, "float32", 0, (0,))


@pytest.mark.parametrize("name", ["a" * 60_000, "_" * 60_000, "0." * 30_000, "upsampl_" * 8_000])
def test_a_tensor_of_an_endless_name_is_left_out_and_said(tmp_path: Path, name: str) -> None:
    file = tmp_path / "net.safetensors"
    save_file({f"{name}.weight": torch.randn(32, 32), "fc.weight": torch.randn(32, 32)}, file)
    with open_checkpoint(file) as checkpoint:
        books = take_inventory(checkpoint)
    assert [spec.layer for spec in books.layers] == ["fc"]
    (row,) = books.left_out
    assert (row.reason, row.elements) == ("not-understood", 1024)
    assert len(row.tensor) <= 2 * LONGEST_NAME


CATALOGUE = """
[[models]]
repo_id = "a/b"
[[models.accuracies]]
dataset = "d"
metric = "accuracy"
source = "s"
value = {}
"""


def test_half_a_percent_is_half_a_percent_in_every_source(tmp_path: Path) -> None:
    toml, table, card = (tmp_path / name for name in ("c.toml", "t.csv", "README.md"))
    toml.write_text(CATALOGUE.format('"0.5%"'))
    table.write_text("repo_id,dataset,metric,value\na/b,d,accuracy,0.5%\na/b,e,accuracy,70\n")
    card.write_text(
        "---\nmodel-index: [{name: n, results: [{dataset: {type: d}, "
        "metrics: [{type: accuracy, value: 0.5%}]}]}]\n---\n"
    )
    (reported,) = load_catalogue(toml).models[0].accuracies
    assert reported.value == 0.5
    assert any_csv(str(table), {}, {})[0].value == 0.5
    assert read_card(tmp_path, "a/b").accuracies[0].value == 0.5


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "9" * 5000, '"many"', '"nan%"'])
def test_a_catalogue_s_number_is_finite(tmp_path: Path, value: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(CATALOGUE.format(value))
    with pytest.raises(SourceError, match=r"^[^\n]*c\.toml: [^\n]*$"):
        load_catalogue(file)


@pytest.mark.parametrize("value", ["nan", "inf", "1e999", "many", ""])
@pytest.mark.parametrize("metric", ["accuracy", "loss"])
def test_a_table_s_number_is_finite(tmp_path: Path, metric: str, value: str) -> None:
    file = tmp_path / "t.csv"
    file.write_text(f"repo_id,dataset,metric,value\na/b,d,{metric},{value}\n")
    if value:
        with pytest.raises(SourceError, match="row 1, column value"):
            any_csv(str(file), {}, {})
    else:
        assert any_csv(str(file), {}, {}) == []


def test_an_infinite_accuracy_is_refused_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("model,top1,dataset\na,70,d\nb,inf,d\n")
    with pytest.raises(SourceError, match="row 2, column top1"):
        read_averages(file, "m")


TOML: dict[str, Callable[[], str]] = {
    "digits": lambda: "limit = " + "9" * 5000,
    "deep": lambda: "a = " + "[" * 5000,
    "key": lambda: '"a\\nb" = 1',
    "nul": lambda: "a = \0",
}


@pytest.mark.parametrize("text", TOML.values(), ids=TOML)
def test_what_is_no_catalogue_is_one_line(tmp_path: Path, text: Callable[[], str]) -> None:
    file = tmp_path / "c.toml"
    file.write_text(text())
    with pytest.raises(SourceError) as caught:
        load_catalogue(file)
    assert "\n" not in str(caught.value)


def test_a_catalogue_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    file.write_text("\ufeff" + CATALOGUE.format(70))
    assert math.isclose(float(load_catalogue(file).models[0].accuracies[0].value), 70)


@pytest.mark.parametrize("cell", ["1e30", "9" * 30, "many", "inf"])
def test_a_number_that_no_table_takes_is_one_line(tmp_path: Path, cell: str) -> None:
    file = tmp_path / "net.csv"
    file.write_text(f"model,alpha,downloads\na/b,2,{cell}\n")
    with pytest.raises(SourceError, match=r"^a/b: a value that the tables do not take: [^\n]*$"):
        import_tables(tmp_path / "store", [file])


def test_weightwatcher_s_details_may_lack_names(tmp_path: Path) -> None:
    file = tmp_path / "net.csv"
    file.write_text("layer_id,name,layer_type,alpha\n0,,,2.5\n1,,DENSE,3\n")
    (model,) = read_weightwatcher(file, "m").models
    assert model.layers["alpha"].to_pylist() == [2.5, 3.0]


@pytest.mark.parametrize("missing", ["D", "sigma", "xmin", "layer_type", "all"])
def test_weightwatcher_s_details_may_lack_columns(tmp_path: Path, missing: str) -> None:
    row = {"layer_id": "0", "layer_type": "DENSE", "alpha": "2.5", "D": "0.1", "sigma": "1",
           "xmin": "0.2", "N": "64"}  # fmt: skip
    for name in list(row) if missing == "all" else [missing]:
        if name not in ("layer_id", "alpha"):
            del row[name]
    file = tmp_path / "net.csv"
    file.write_text(",".join(row) + "\n" + ",".join(row.values()) + "\n")
    (model,) = read_weightwatcher(file, "m").models
    assert model.layers["alpha"].to_pylist() == [2.5]
