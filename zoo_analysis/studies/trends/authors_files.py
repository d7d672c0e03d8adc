"""Files that the authors of the 2021 paper made public: fetched once, pinned by their commits."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import MappingProxyType
from typing import Final

from zoo_analysis.errors import SourceError
from zoo_analysis.sources.fetch import fetched

_TRENDS: Final = "https://raw.githubusercontent.com/CalculatedContent/ww-trends-2020"
_OSMR: Final = "https://github.com/osmr/imgclsmob/raw/9c3f7bd7/pytorch/README.md"
_VGG: Final = [f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")]
_RESNET: Final = [f"resnet{depth}" for depth in (18, 34, 50, 101, 152)]
_DENSENET: Final = [f"densenet{depth}" for depth in (121, 161, 169, 201)]


def _at(commit: str, names: Iterable[str]) -> dict[str, str]:
    return {
        name.replace(" ", "-"): f"{_TRENDS}/{commit}/data/{name.replace(' ', '%20')}"
        for name in names
    }


#: Addresses by the names under which the files are kept: averages of 311 models of pytorchcv, the
#: table of their errors, and averages (or layers) of the models of Tables 1 and 2.
FILES: Final = MappingProxyType(
    {"imgclsmob.md": _OSMR}
    | _at("4a51e5fec2353a792fd636eeb9c91602217cd2fc", ["osmr/df_all.csv"])
    | _at("5e1c0b800f7dd95fbd7a32c20af460fef48f1b83", [f"{name}.txt" for name in (*_VGG, *_RESNET)])
    | _at("0cb24c75b5e9083cd38ca095acf0a7d443ddff49", [f"{name}.txt" for name in _DENSENET])
    | _at(
        "0a5fb03cb09752fc1d5c286371696d31a39deddc",
        ["gpt2 small.csv", "gpt2 medium.txt", "gpt2 large.txt", "gpt2 xl.txt"],
    )
)


def kept_tables(studies: Path) -> Path:
    """The folder in which the authors' tables are kept.

    Args:
        studies: directory of studies, such as `folders.study_cache`.
    """
    return studies / "nature-2021"


def fetch_all(folder: Path, fetch: Callable[[str], str] = fetched) -> Path:
    """The folder with all of `FILES`, of which those that are missing are fetched.

    Args:
        folder: where they are kept, under the last parts of their names.
        fetch: the text at an address.

    Raises:
        SourceError: one cannot be fetched; says how to go on without a network.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, address in FILES.items():
        path = folder / Path(name).name
        if path.exists():
            continue
        try:
            text = fetch(address)
        except SourceError as error:
            raise SourceError(
                f"{error}; without a network put df_all.csv and imgclsmob.md, or osmr.csv that "
                "joins both, into a folder and give it as `data`"
            ) from error
        whole = path.with_name(f"{path.name}.{os.getpid()}")
        whole.write_text(text)
        whole.replace(path)
    return folder
