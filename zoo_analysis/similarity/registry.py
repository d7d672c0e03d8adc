"""The measures by name: those of this package, and those that other packages add."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import EntryPoint, entry_points

from zoo_analysis.errors import SimilarityError
from zoo_analysis.lookup import loaded, near
from zoo_analysis.similarity import cross_validated_ridge, functional, weights_only
from zoo_analysis.similarity.dissimilarities import dissimilarity_analysis, distance_kernels
from zoo_analysis.similarity.kernels import deconfounded, kernel_alignment
from zoo_analysis.similarity.measure import Measure
from zoo_analysis.similarity.neighbours import kernel_neighbours, nearest_neighbours
from zoo_analysis.similarity.neurons import matching, neuronal_correlation
from zoo_analysis.similarity.shapes import cca, eigenspaces, procrustes_distances

#: The group of entry points that add measures; one's name is that of the `Measure` it points to.
GROUP = "zoo_analysis.similarities"

_BUILT_IN: dict[str, Measure] = {
    measure.name: measure
    for family in (
        neuronal_correlation,
        matching,
        kernel_alignment,
        deconfounded,
        procrustes_distances,
        eigenspaces,
        cca,
        cross_validated_ridge,
        dissimilarity_analysis,
        distance_kernels,
        nearest_neighbours,
        kernel_neighbours,
        weights_only,
        functional,
    )
    for measure in family.MEASURES
}


class _Measures(Mapping[str, Measure]):
    """Measures by name; one of another package is loaded when it is looked up, not before."""

    def __init__(self) -> None:
        added = {p.name: p for p in entry_points(group=GROUP) if p.name not in _BUILT_IN}
        self._known: dict[str, Measure | EntryPoint] = {**_BUILT_IN, **added}

    def __getitem__(self, name: str) -> Measure:
        found = self._known[name]
        return found if isinstance(found, Measure) else _loaded(found)

    def __contains__(self, name: object) -> bool:
        return name in self._known  # … without loading it, as Mapping's own would

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def measures() -> Mapping[str, Measure]:
    """All measures by name: built-in ones, then those of entry points in the group `GROUP`.

    A built-in name cannot be taken by an entry point. One that cannot be loaded is listed, and
    raises `SimilarityError`, naming it, when it is looked up.
    """
    return _Measures()


def get_measure(name: str) -> Measure:
    """The measure of a name.

    Args:
        name: built-in, or of an entry point.

    Raises:
        SimilarityError: there is none, with names near to it; or its entry point is broken.
    """
    known = measures()
    if name in known:
        return known[name]
    hint = near(name, known, f"choose from {', '.join(known)}", most=3)
    raise SimilarityError(f"no similarity measure is called {name!r}: {hint}")


def distances() -> list[str]:
    """Names of the measures whose lower values are more alike; without those that do not load."""
    found = []
    for name in (known := measures()):
        with suppress(SimilarityError):
            if known[name].higher == "less alike":
                found.append(name)
    return found


def _loaded(point: EntryPoint) -> Measure:
    what = f"the similarity measure {point.name!r} ({point.value})"
    measure = loaded(point, what, SimilarityError)
    if not isinstance(measure, Measure) or measure.name != point.name:
        what = measure.name if isinstance(measure, Measure) else type(measure).__name__
        raise SimilarityError(
            f"the entry point {point.name!r} ({point.value}) gives {what!r}: it needs to be a "
            f"zoo_analysis.similarity.Measure named {point.name!r}"
        )
    return measure
