"""Which pairs are to be compared, and under which key their numbers are kept."""

from pathlib import Path

import pytest

from zoo_analysis.errors import SourceError, ZooError
from zoo_analysis.pairwise.pairs import ComparisonPlan, plan
from zoo_analysis.pairwise.reference import kind_of, with_reference
from zoo_analysis.pairwise.settings import ComparisonSettings
from zoo_analysis.similarity.registry import get_measure
from zoo_analysis.sources import ModelRef

CKA, AGREEMENT, WCKA = (get_measure(name) for name in ("cka", "agreement", "wcka"))


def model(name: str, architecture: str = "timm:resnet18") -> ModelRef:
    return ModelRef(f"lab/{name}", "r", f"/{name}", "local", 0, architecture=architecture)


REFS = [model(name) for name in ("c", "a", "b")]
TEXT = model("t", "transformers:GPT2LMHeadModel")
PROBES = {"images": "photos-1", "text": "text-1"}


def planned(
    refs: list[ModelRef],
    *measures: str,
    of: str | None = None,
    known: frozenset[tuple[str, ...]] = frozenset(),
) -> ComparisonPlan:
    chosen = [get_measure(name) for name in measures or ("cka",)]
    kinds = {ref: kind_of(ref) for ref in refs}
    return plan(
        refs, frozenset([of] if of else []), chosen, ComparisonSettings(), kinds, PROBES, known
    )  # type: ignore[arg-type]


def names(work: ComparisonPlan) -> list[str]:
    return [pair.a.repo_id[-1] + pair.b.repo_id[-1] for pair in work.active]


def test_all_pairs_are_each_pair_once() -> None:
    work = planned(REFS)
    assert names(work) == ["ab", "ac", "bc"]
    assert work.steps == 3 + 3


def test_with_a_reference_every_other_model_is_compared_once() -> None:
    assert names(planned(REFS, of="lab/b")) == ["ab", "bc"]


def test_what_the_store_holds_is_left_out_measure_by_measure() -> None:
    known = frozenset(
        {(*ComparisonSettings().key(CKA, "photos-1", "images"), "lab/a", "r", "lab/b", "r")}
    )
    assert names(planned(REFS, known=known)) == ["ac", "bc"]
    assert planned(REFS, known=known).skipped == 1
    work = planned(REFS, "cka", "agreement", known=known)
    assert names(work) == ["ab", "ac", "ac", "bc", "bc"]
    assert {pair.keys[0].measure for pair in work.active[1:3]} == {"cka", "agreement"}
    assert work.skipped == 0


def test_weights_are_compared_without_running_a_model() -> None:
    work = planned(REFS, "wcka")
    assert (work.active, len(work.passive), work.steps) == ((), 3, 3)


def test_measures_that_take_much_memory_have_a_turn_of_their_own() -> None:
    work = planned(REFS[:2], "knn", "cka", "wcka", "agreement", "rsa")
    turns = [[key.measure for key in pair.keys] for pair in work.active]
    assert turns == [["cka"], ["agreement"], ["knn"], ["rsa"]]
    assert [pair.at_once for pair in work.active] == [True, False, False, False]
    assert [pair.heavy for pair in work.active] == [False, False, True, True]
    assert [pair.turn for pair in work.active] == [1, 2, 3, 4]


def test_an_image_and_a_language_model_have_no_probe_in_common() -> None:
    work = planned([*REFS[:2], TEXT])
    assert (names(work), work.apart) == (["ac"], 2)
    assert len(planned([*REFS[:2], TEXT], "wcka").passive) == 3


def test_a_key_has_what_the_number_depends_on_and_no_more() -> None:
    how = ComparisonSettings("partial", "unit", "last", 7)
    assert how.key(CKA, "p", "images") == ("cka", "p", "partial", "unit/7", "last")
    assert how.key(CKA, "p", "text") == ("cka", "p", "partial", "hidden", "last")
    assert how.key(AGREEMENT, "p", "images") == ("agreement", "p", "full", "outputs", "all")
    assert how.key(WCKA, "p", "images") == ("wcka", "weights", "full", "weights", "all")
    assert ComparisonSettings().key(CKA, "p", "images").neurons == "channel"
    assert (
        ComparisonSettings(neurons="published", positions=None).key(CKA, "p", "images").neurons
        == "published"
    )


def test_a_reference_is_a_name_a_part_of_one_or_a_source(tmp_path: Path) -> None:
    assert with_reference(REFS, "lab/b") == (REFS, "lab/b")
    assert with_reference(REFS, "/B")[1] == "lab/b"
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "model.safetensors").touch()
    refs, name = with_reference(REFS, str(tmp_path / "net"))
    assert (len(refs), name) == (4, f"{tmp_path.name}/net")
    with pytest.raises(
        ZooError, match="'lab' fits 3 models; give the whole name: lab/a, lab/b, lab/c"
    ):
        with_reference(REFS, "lab")
    with pytest.raises(SourceError, match="nosuch"):
        with_reference(REFS, "nosuch")


@pytest.mark.parametrize(
    ("architecture", "kind"),
    [
        ("timm:vit_base", "images"),
        ("transformers:ViTForImageClassification", "images"),
        ("transformers:GPT2LMHeadModel", "text"),
        ("transformers:bert", "text"),
        ("transformers:convnext", "images"),
        ("transformers:nosuch", "text"),
        (None, "images"),
    ],
)
def test_what_a_model_takes_is_known_from_its_architecture(architecture: str, kind: str) -> None:
    assert kind_of(model("m", architecture)) == kind
