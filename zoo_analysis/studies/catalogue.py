"""Which studies there are."""

from collections.abc import Mapping
from types import MappingProxyType

from zoo_analysis.errors import ZooError
from zoo_analysis.studies.ding_tests import STUDY as DING_TESTS
from zoo_analysis.studies.neuronal_robustness import STUDY as NEURONAL_ROBUSTNESS
from zoo_analysis.studies.partial_affinity import STUDY as PARTIAL_AFFINITY
from zoo_analysis.studies.series_quality import STUDY as SERIES_QUALITY
from zoo_analysis.studies.study import Study
from zoo_analysis.studies.wcka_calibration import STUDY as WCKA_CALIBRATION
from zoo_analysis.studies.wcka_function import STUDY as WCKA_FUNCTION
from zoo_analysis.suggestions import near

_STUDIES: Mapping[str, Study] = MappingProxyType(
    {
        study.name: study
        for study in (
            NEURONAL_ROBUSTNESS,
            PARTIAL_AFFINITY,
            WCKA_CALIBRATION,
            WCKA_FUNCTION,
            DING_TESTS,
            SERIES_QUALITY,
        )
    }
)


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
