"""Which measures there are, and what they declare."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from tests.support.plug_ins import install
from tests.support.starting import imported_by
from zoo_analysis import similarity
from zoo_analysis.errors import SimilarityError
from zoo_analysis.similarity import Measure, get_measure, measures
from zoo_analysis.similarity.registry import distances

BUILT_IN = [
    "neuronal",
    "neuronal_one_to_one",
    "cka",
    "cka_rbf",
    "cka_debiased",
    "cka_minibatch",
    "dcka",
    "dcka_psd",
    "procrustes",
    "procrustes_angular",
    "procrustes_permutation",
    "eigenspace_overlap",
    "shape_half",
    "cca_mean",
    "cca_mean_squared",
    "svcca",
    "pwcca",
    "pwcca_whole",
    "linear_predictivity",
    "rsa",
    "rsa_kendall",
    "rsa_euclidean",
    "rsa_cosine",
    "distance_correlation",
    "knn",
    "knn_jaccard",
    "cknna",
    "wcka",
    "weight_cka",
    "agreement",
    "js_divergence",
    "accuracy_gap",
]


def test_the_built_in_measures_are_there_under_their_names() -> None:
    assert list(measures()) == BUILT_IN
    for name in BUILT_IN:
        assert get_measure(name).name == name


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_measure_declares_what_is_known_of_it(name: str) -> None:
    measure = get_measure(name)
    low, high = measure.range
    assert low < high
    assert measure.source
    if "orthogonal" in measure.invariant_to:
        assert "permutation" in measure.invariant_to
    if "invertible" in measure.invariant_to:
        assert {"orthogonal", "neuron scaling"} <= measure.invariant_to
    if "neuron scaling" in measure.invariant_to:
        assert "isotropic scaling" in measure.invariant_to


def test_a_misspelt_name_gets_the_near_ones() -> None:
    with pytest.raises(SimilarityError, match=r"'neuronl': did you mean neuronal"):
        get_measure("neuronl")
    with pytest.raises(SimilarityError, match=r"'xyz': choose from neuronal, .*accuracy_gap"):
        get_measure("xyz")


def test_everything_that_is_exported_is_there() -> None:
    assert sorted(similarity.__all__) == list(similarity.__all__)
    assert all(hasattr(similarity, name) for name in similarity.__all__)


OURS = Measure("ours", float, lambda a, b: 0.0, "outputs", (0.0, 1.0), "more alike")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    return partial(install, monkeypatch)


def test_an_entry_point_adds_a_measure(installed: Callable[..., None]) -> None:
    installed(ours=OURS)
    assert get_measure("ours") is OURS
    assert list(measures()) == [*BUILT_IN, "ours"]
    assert len(measures()) == len(BUILT_IN) + 1


def test_a_broken_entry_point_harms_only_who_asks_for_it(installed: Callable[..., None]) -> None:
    installed(broken=ImportError("no module named pack\nand more"), ours=OURS)
    assert get_measure("ours") is OURS
    assert "broken" in measures()
    with pytest.raises(SimilarityError, match=r"'broken' \(pack:broken\) .*named pack; mend") as e:
        get_measure("broken")
    assert "\n" not in str(e.value)


def test_an_entry_point_gives_a_measure_of_its_name(installed: Callable[..., None]) -> None:
    installed(three=3, mine=OURS)
    with pytest.raises(SimilarityError, match=r"'three' .* gives 'int'"):
        get_measure("three")
    with pytest.raises(SimilarityError, match=r"'mine' .* gives 'ours'"):
        get_measure("mine")


def test_an_entry_point_cannot_take_a_built_in_name(installed: Callable[..., None]) -> None:
    installed(cka=OURS)
    assert get_measure("cka") is similarity.cka
    assert list(measures()) == BUILT_IN


def test_a_measure_of_another_package_says_itself_whether_it_is_a_distance(
    installed: Callable[..., None],
) -> None:
    far = replace(OURS, name="far", higher="less alike")
    installed(ours=OURS, broken=ImportError("no module named pack"), far=far)
    assert "far" in distances()
    assert not {"ours", "broken"} & set(distances())


def test_listing_the_measures_needs_no_torch() -> None:
    listing = "[(m.range, m.higher, m.needs) for m in registry.measures().values()]"
    loaded = imported_by(f"from zoo_analysis.similarity import registry; {listing}")
    assert not {"torch", "scipy", "pandas", "ray"} & loaded
