"""Rules of all figures: captions name what is drawn, legends look like it, nothing is cut."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.report.conftest import PLAIN
from tests.report.figures.drawing import Drawing, Mark, place
from tests.support.small_models import model_rows
from zoo_analysis.answers.regressions import regress
from zoo_analysis.imports.commit import import_tables
from zoo_analysis.report import figures
from zoo_analysis.report.figures import theme
from zoo_analysis.store import Store, open_store

#: Words of captions, and the marks that they name.
NAMED: dict[str, Callable[[Mark], bool]] = {
    "Shaded": lambda mark: mark.kind == "rect" and mark.attributes.get("opacity") == "0.1",
    "ashed": lambda mark: mark.kind in ("line", "rule") and mark.dashed,
    "Ringed": lambda mark: mark.hollow and mark.attributes.get("stroke") == theme.BLACK,
    "Line:": lambda mark: mark.kind == "line" and mark.colour == theme.VERMILION,
    "band": lambda mark: mark.kind == "area",
    "Hollow": lambda mark: mark.hollow and mark.attributes.get("stroke") == theme.GREY,
    "tree": lambda mark: mark.kind == "line" and mark.colour == theme.GREY,
    "Grey": lambda mark: mark.kind == "rect" and mark.colour == "#eeeeee",
    "dot": lambda mark: mark.kind == "symbol" and mark.colour == theme.VERMILION,
}
#: Words that tell of a number as well, by figure.
EXEMPT = {"coverage": {"dot"}, "esd": {"ashed", "Line:"}, "ccdf": {"ashed", "Line:"}}


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A run of checkpoints, and imported averages: a constant metric, a series of two, NaN."""
    folder = tmp_path_factory.mktemp("hard")
    store = open_store(folder / "store")
    lines = ["model,series,dataset,top1,alpha,log_norm"]
    lines += [f"c{i},const,d,{60 + i},3,{i}" for i in range(4)]
    lines += ["p0,pair,d,70,2,1", "p1,pair,d,72,3,2", "one,lone,d,80,4,3", "nan,const,d,nan,,2"]
    (folder / "hard.csv").write_text("\n".join(lines) + "\n")
    import_tables(store, [folder / "hard.csv"])
    for step in (1, 2):
        store.commit_models([model_rows(f"run/checkpoint-{step}", alphas=(2.0 + step,))], "s")
    return store


#: Of the store of strangers' models: one of three layers, with noise, failures and releases.
FIGURES: dict[str, Callable[[Store], Any]] = {
    "esd": lambda store: figures.esd(store, PLAIN[0], "layers.0."),
    "ccdf": lambda store: figures.esd(store, PLAIN[0], "layers.0.", form="ccdf"),
    "xmin": lambda store: figures.xmin(store, PLAIN[0], "layers.0."),
    "depth": lambda store: figures.depth(store, PLAIN[0]),
    "depth by role": lambda store: figures.depth(store, PLAIN[0], colour="role"),
    "depth of several": lambda store: figures.depth(store, PLAIN[:3]),
    "depth without alpha": lambda store: figures.depth(store, PLAIN[:2], "stable_rank"),
    "regression": lambda store: figures.regression(store, "alpha"),
    "regression of all": lambda store: figures.regression(store, "alpha", by="none"),
    "metrics": figures.metrics,
    "matrix": lambda store: figures.matrix(store, "cka"),
    "map": lambda store: figures.map(store, "cka"),
    "map by accuracy": lambda store: figures.map(store, "cka", colour="accuracy"),
    "layers": lambda store: figures.layers(store, PLAIN[0], PLAIN[1], "cka"),
    "coverage": figures.coverage,
    "releases": figures.releases,
}
#: Of imported averages.
HARD: dict[str, Callable[[Store], Any]] = {
    "constant": lambda store: figures.regression(store, "alpha"),
    "of two": lambda store: figures.regression(
        store, "log_norm", where="series = 'pair'", min_models=2
    ),
    "few": lambda store: figures.metrics(store, min_models=2),
    "history": lambda store: figures.history(store, "run", "alpha"),
    "one layer": lambda store: figures.depth(store, "run/checkpoint-1"),
}


@pytest.fixture(scope="module")
def drawings(strange: Store, hard: Store) -> dict[str, Drawing]:
    return {name: Drawing(make(strange)) for name, make in FIGURES.items()} | {
        name: Drawing(make(hard)) for name, make in HARD.items()
    }


@pytest.mark.parametrize("name", [*FIGURES, *HARD])
def test_a_caption_names_what_is_drawn_and_nothing_else(
    name: str, drawings: dict[str, Drawing]
) -> None:
    drawing = drawings[name]
    for word, named in NAMED.items():
        if word not in EXEMPT.get(name, ()):
            drawn = any(map(named, drawing.marks))
            assert (word in drawing.caption) == drawn, (word, drawing.caption)


@pytest.mark.parametrize("name", [*FIGURES, *HARD])
def test_a_legend_has_a_title_of_its_own_and_lines_for_lines(
    name: str, drawings: dict[str, Drawing]
) -> None:
    drawing = drawings[name]
    titles = [title for title, _ in drawing.legends if title is not None]
    assert len(titles) == len({*titles})
    for _, entries in drawing.legends:
        for text, symbol in entries:
            alike = [mark for mark in drawing.marks if mark.colour == symbol.colour]
            if alike and not any(mark.kind == "symbol" for mark in drawing.marks):
                lines = {mark.kind for mark in alike} <= {"line", "rule"}
                assert lines == symbol.attributes["d"].startswith("M-5,0L5,0"), text
                if lines:
                    assert symbol.dashed == all(mark.dashed for mark in alike), text


@pytest.mark.parametrize("name", [*FIGURES, *HARD])
def test_no_point_stands_on_the_frame(name: str, drawings: dict[str, Drawing]) -> None:
    for (width, height), marks in drawings[name].panels:
        for mark in marks:
            if mark.kind == "symbol":
                x, y = place(mark)
                assert 2 < x < width - 2, (x, width)
                assert 2 < y < height - 2, (y, height)


def test_panels_begin_at_one_height(hard: Store) -> None:
    panels = figures.regression(hard, "log_norm", min_models=2).to_dict()["concat"]
    assert len(panels) == 2
    assert len({len(panel["title"]["subtitle"]) for panel in panels}) == 1


def test_intervals_have_two_decimals(strange: Store) -> None:
    (panel,) = FIGURES["regression"](strange).to_dict()["concat"]
    told = " ".join(panel["title"]["subtitle"])
    ends = re.findall(r"\(([−\d.]+) to ([−\d.]+)\)", told)
    assert len(ends) == 2
    for end in (*ends[0], *ends[1]):
        assert re.fullmatch(r"−?\d\.\d\d", end), told


def test_every_label_and_text_says_something(drawings: dict[str, Drawing]) -> None:
    for name, drawing in drawings.items():
        assert not {"null", "NaN", "undefined"} & {*drawing.texts}, name
        for labels in drawing.axes:
            assert len(labels) == len({*labels}), (name, labels)


def test_a_scale_of_colours_holds_a_value_that_is_everybodys(strange: Store) -> None:
    spec = FIGURES["layers"](strange).to_dict()
    low, high = spec["layer"][1]["encoding"]["color"]["scale"]["domain"]
    assert low < 0.5 < high


def test_what_has_no_number_is_told(strange: Store, hard: Store) -> None:
    assert "–: none, of a metric that is constant" in Drawing(HARD["few"](hard)).caption
    assert "No layer has stable rank." in Drawing(HARD["one layer"](hard)).caption
    assert "1 layer, α 3." in Drawing(HARD["one layer"](hard)).caption
    by_accuracy = Drawing(FIGURES["map by accuracy"](strange))
    assert "Hollow: no top-1 accuracy on <s>digits</s> is known, of 1 model." in by_accuracy.caption
    assert len([mark for mark in by_accuracy.marks if mark.kind == "symbol"]) == 3


def test_flags_are_told_whole_below_the_title(hard: Store) -> None:
    chart = figures.regression(hard, "alpha")
    (whole,) = regress(hard, "alpha", by="none").to_pylist()
    assert whole["flags"]
    assert f"; {whole['flags']}." in Drawing(chart).caption


def test_several_models_are_told_apart_by_how_many_layers_look_random(strange: Store) -> None:
    told = Drawing(FIGURES["depth of several"](strange)).caption
    for name in PLAIN[:3]:
        assert f"{name}: 3 layers" in told
    assert told.count("of 3 look random") == 3


def test_files_of_odd_names_have_no_odd_names(tmp_path: Path) -> None:
    for words in (("..",), ("-",), ("esd", "..", "-x"), ("esd", "../../etc"), ("a", ".hidden")):
        name = figures.file_name(*words)
        assert not name.startswith((".", "-"))
        assert ".." not in name
        (tmp_path / name).touch()
        assert (tmp_path / name).is_file()
