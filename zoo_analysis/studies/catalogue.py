"""The studies by name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from zoo_analysis.errors import ZooError
from zoo_analysis.lookup import near
from zoo_analysis.studies.study import Study

if TYPE_CHECKING:
    import pyarrow as pa

_ALL: Final = (
    Study(
        name="nature-2021",
        title="Printed tables of the 2021 paper, recomputed from its authors' data cell by cell",
        finding="weighted alpha and the log α-norm predict reported errors within an architecture "
        "family better than plain norms do",
        source="Martin, Peng & Mahoney 2021, Nature Communications 12:4122",
        seeds=1,
        takes=0.2,
        reads_data=True,
    ),
    Study(
        name="neuronal-robustness",
        title="Likeness to a convolutional network, accuracy and robustness on MNIST digits",
        finding="fully connected networks with higher neuronal correlation with a CNN are more "
        "accurate and lose less to black-box transfer attacks",
        source="Oskouie, Ghiasvand, Levine & Sarrafzadeh 2024, arXiv 2408.08448",
        seeds=5,
        takes=4,
    ),
    Study(
        name="partial-affinity",
        title="Partial comparison within and between the series of the zoo at hand",
        finding="models of one series have a higher partial neuronal correlation than models of "
        "different series",
        source="Oskouie, Ghiasvand, Levine & Sarrafzadeh 2024, arXiv 2408.08448",
        seeds=1,
        takes=4,
    ),
    Study(
        name="wcka-calibration",
        title="Distance from 0 of random networks and from 1 of adjacent late epochs",
        finding="wCKA is nearer to 0 of random networks and to 1 of adjacent epochs of one network "
        "than CKA, deconfounded CKA and Procrustes are, and needs no samples",
        source="Benchmarking a well-calibrated measure of weight similarity, openreview izDiFGXn9B",
        seeds=20,
        takes=4,
    ),
    Study(
        name="wcka-function",
        title="Similarity of weights and of activations against agreed predictions",
        finding="wCKA, which needs no data, predicts the functional similarity of networks of "
        "different architecture, seed or strategy better than CKA, deconfounded CKA and Procrustes "
        "of their activations",
        source="Benchmarking a well-calibrated measure of weight similarity, openreview izDiFGXn9B",
        seeds=5,
        takes=4,
    ),
    Study(
        name="wcka-finetuned",
        title="The same of heads fine-tuned on one frozen convolutional extractor",
        finding="of fine-tuned heads too, wCKA predicts functional similarity better than CKA, "
        "deconfounded CKA and Procrustes of their activations",
        source="Benchmarking a well-calibrated measure of weight similarity, openreview izDiFGXn9B",
        seeds=3,
        takes=6,
    ),
    Study(
        name="ding-tests",
        title="Sensitivity to deleted components, specificity against other seeds",
        finding="CKA is insensitive to deleted principal components and CCA unspecific to other "
        "seeds, where the Procrustes distance does well in both",
        source="Ding, Denain & Steinhardt 2021, arXiv 2108.01661",
        seeds=20,
        takes=6,
    ),
    Study(
        name="series-quality",
        title="Weight metrics within series, and the poorly against the well trained",
        finding="α is higher in poorly trained models, where norms do not tell them from well "
        "trained ones or point the wrong way",
        source="Martin, Peng & Mahoney 2021, Nature Communications 12:4122",
        seeds=4,
        takes=5,
    ),
    Study(
        name="gpt",
        title="GPT against GPT-2 of the same shape, matrix by matrix",
        finding="GPT, poorly trained, has higher α than GPT-2 of the same shape, where norms, "
        "which are smaller, point the wrong way",
        source="Martin, Peng & Mahoney 2021, Nature Communications 12:4122",
        seeds=1,
        takes=3,
        reads_data=True,
    ),
)


@dataclass(frozen=True)
class DescribedStudy:
    """A row of `list_studies`."""

    name: str
    study: str
    finding: str
    source: str
    seeds: int
    minutes: float


_STUDIES: Mapping[str, Study] = MappingProxyType({study.name: study for study in _ALL})


def studies() -> Mapping[str, Study]:
    """All studies by name."""
    return _STUDIES


def get_study(name: str) -> Study:
    """A study by name.

    Raises:
        ZooError: there is none of this name; says what was probably meant.
    """
    if name in _STUDIES:
        return _STUDIES[name]
    hint = near(name, _STUDIES, f"there are {', '.join(_STUDIES)}")
    raise ZooError(f"no study is called {name!r}; {hint}")


def list_studies() -> "pa.Table":
    """The studies as a table: columns of `DescribedStudy`; minutes on two cores."""
    from zoo_analysis.store.records import table_of

    return table_of(
        DescribedStudy,
        [
            DescribedStudy(each.name, each.title, each.finding, each.source, each.seeds, each.takes)
            for each in _ALL
        ],
    )
