"""The folders of a tree that are models, by the names of their files: one rule for disk and hub."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from zoo_analysis.texts import few
from zoo_analysis.weights.readers.by_suffix import suffixes
from zoo_analysis.weights.readers.files import has_hub_name, is_repository, weight_names

#: A folder, its folders (of which those to be entered are left in the list) and its files, from the
#: top down, as `os.walk` gives them.
Walk = Iterable[tuple[str, list[str], list[str]]]

#: Files that say that the parts of one model lie in folders beside them: those of diffusers and of
#: sentence-transformers.
PIPELINE: Final = "model_index.json"
MODULES: Final = "modules.json"
#: Folders inside a model's that hold the model once more: earlier states, and other formats.
_AGAIN: Final = re.compile(
    r"(checkpoint|global_step|step|epoch|iter)[-_=]?\d+|original|onnx|openvino|tensorrt|coreml"
    r"|tflite|tf|flax|mlx|ggml|gguf|exports?",
    re.I,
)
#: Endings of weight files in formats of which no reader is known.
_FOREIGN: Final = (
    ".gguf", ".ggml", ".onnx", ".h5", ".hdf5", ".keras", ".msgpack", ".tflite", ".pb", ".npz",
    ".pkl", ".pickle", ".distcp", ".nemo", ".mlmodel", ".pdparams", ".pte", ".llamafile", ".ot",
)  # fmt: skip


@dataclass
class ModelFolder:
    """A folder that says something of the models in a tree.

    Attributes:
        folder: as the walk calls it.
        names: of its files.
        what: a ``model`` in hub layout, a ``pipeline`` whose parts are in its folders, loose
            checkpoint ``files`` that are a model each, or ``nothing`` that could be read.
        root: the outermost model or pipeline that it lies in; None if it lies in none.
        empty: it holds nothing at all.
        passed: folders in it, and files of a pipeline's own, that hold the same weights again.
    """

    folder: str
    names: tuple[str, ...]
    what: Literal["model", "pipeline", "files", "nothing"]
    root: "ModelFolder | None" = None
    empty: bool = False
    passed: list[str] = field(default_factory=list)

    @property
    def weights(self) -> tuple[str, ...]:
        """The weight files."""
        return weight_names(self.names)

    @property
    def remarks(self) -> tuple[str, ...]:
        """The remarks on what is left out, a sentence each."""
        told = []
        if self.passed:
            told.append(f"not scanned beside the model: {few(self.passed)}; name one to scan it")
        if foreign := foreign_names(self.names):
            told.append(f"{few(foreign)}: of a format that is not read")
        return tuple(told)


def members(walk: Walk) -> Iterator[ModelFolder]:
    """The models of a tree, and its folders that might be expected to be some.

    A folder inside a model's own is a model too (a pipeline's part, a module, an adapter), unless
    its name says that it holds the model once more. Hidden folders are not entered. A member is
    complete when the next one that lies outside of it comes.

    Args:
        walk: the tree.
    """
    inside: list[ModelFolder] = []
    for folder, folders, names in walk:
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        while inside and not folder.startswith(_below(inside[-1].folder)):
            inside.pop()
        found = _member(folder, names, inside)
        if found is None:
            continue
        found.empty = not folders and not names
        if found.what in ("model", "pipeline"):
            inside.append(found)
        yield found


def _member(folder: str, names: list[str], inside: list[ModelFolder]) -> ModelFolder | None:
    weights, root = weight_names(names), inside[0] if inside else None
    if _is_pipeline(names, weights):
        return ModelFolder(folder, tuple(names), "pipeline", root, passed=list(weights))
    what: Literal["model", "files", "nothing"] = "files" if weights else "nothing"
    what = "model" if is_repository(names) else what
    model = next((each for each in reversed(inside) if each.what == "model"), None)
    if model is not None:
        name = folder.removeprefix(_below(model.folder))
        again = any(map(_AGAIN.fullmatch, name.split("/")))
        if weights and (again or what == "files"):
            model.passed.append(name)
        if again or what != "model":
            return None
    if what == "nothing" and inside and MODULES in inside[-1].names:  # a module without weights
        return None
    return ModelFolder(folder, tuple(names), what, root)


def is_whole(names: list[str]) -> bool:
    """True for the files of a folder that is a model or pipeline, with all that lies below it.

    Args:
        names: of its files.
    """
    return is_repository(names) or _is_pipeline(names, weight_names(names))


def _is_pipeline(names: list[str], weights: tuple[str, ...]) -> bool:
    """True for a folder that is no model itself but whose folders make one together.

    A file of weights beside a pipeline's parts is the pipeline once more.
    """
    return (PIPELINE in names and not has_hub_name(names)) or (MODULES in names and not weights)


def nothing(member: ModelFolder, where: str) -> str | None:
    """The reason why a folder without weights is a problem; None when it is just a folder.

    Args:
        member: without weights.
        where: its name, for the message.
    """
    known = " ".join(suffixes())
    if member.empty:
        return no_model(where, empty=True)
    if foreign := foreign_names(member.names):
        return f"{where}: {foreign[0]} is of a format that is not read; known are {known}"
    if "config.json" in member.names:
        return f"{where} has a config.json but no weights; known are files ending in {known}"
    return None


def no_model(where: str, *, empty: bool = False) -> str:
    """The reason why a folder that was expected to hold a model is a problem.

    Args:
        where: its name.
        empty: it holds nothing at all.
    """
    known = " ".join(suffixes())
    return (
        f"{where}{' is empty' if empty else ''}: no model found; known are files ending in {known}"
    )


def without(variant: str) -> str:
    """The remark on a model that does not have the variant that is wanted."""
    return f"no variant {variant}, so that its plain weights are taken"


def foreign_names(names: Iterable[str]) -> list[str]:
    """Weight files in formats of which no reader is known."""
    endings = tuple(end for end in _FOREIGN if end not in suffixes())
    return sorted(name for name in names if name.lower().endswith(endings))


def walk_names(names: Iterable[str], top: str = "") -> Walk:
    """The tree of a repository's files.

    Args:
        names: their paths.
        top: the folder to begin with; "" is the repository's own.
    """
    files: dict[str, list[str]] = {}
    folders: dict[str, dict[str, None]] = {}
    for path in names:
        folder, _, name = path.rpartition("/")
        files.setdefault(folder, []).append(name)
        while folder:
            parent, _, name = folder.rpartition("/")
            if name in folders.setdefault(parent, {}):
                break
            folders[parent][name] = None
            folder = parent
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        entered = list(folders.get(folder, ()))
        yield folder, entered, files.get(folder, [])
        waiting += [f"{_below(folder)}{name}" for name in reversed(entered)]


def _below(folder: str) -> str:
    """What the paths of all that lies in a folder begin with."""
    return f"{folder}/" if folder and folder != "/" else folder
