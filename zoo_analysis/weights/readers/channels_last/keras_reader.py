"""The reader of Keras' files: ``.keras`` archives, and HDF5 of Keras 2, Keras 3 and TensorFlow."""

import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from zoo_analysis.errors import CheckpointError
from zoo_analysis.weights.checkpoint import TensorInfo
from zoo_analysis.weights.readers.arranged import Arranged, ArrangedCheckpoint, as_stored
from zoo_analysis.weights.readers.byte_source import FileBytes
from zoo_analysis.weights.readers.channels_last.hdf5 import Hdf5Array, Window, hdf5_arrays, told
from zoo_analysis.weights.readers.channels_last.keras_names import (
    Named,
    in_network_order,
    in_written_order,
    layers_of,
    name_all,
)
from zoo_analysis.weights.readers.channels_last.layouts import Arrangement
from zoo_analysis.weights.readers.channels_last.named_kernels import arrange, judged
from zoo_analysis.weights.readers.limits import refuse_many
from zoo_analysis.weights.readers.reader import Reader

if TYPE_CHECKING:
    import h5py

_WEIGHTS: Final = "model.weights.h5"
_CONFIG: Final = "config.json"
#: A remark on files of Keras 3 that hold weights alone.
_BARE: Final = (
    "a Keras file without a configuration: the order of layers is that in which they were written, "
    "and groups of convolutions are guessed"
)
#: Bytes of a configuration.
_LONGEST_CONFIG: Final = 64 << 20
#: Bytes of an archive's list of its members.
_LONGEST_LIST: Final = 4 << 20
#: A compressed member of an archive may be this many times as large as it is there.
_DENSEST: Final = 100


class KerasCheckpoint(ArrangedCheckpoint):
    """Arrays of Keras' files, mapped where they lie in one piece.

    A tensor's name is that of its layer and parameter (``stem.kernel``), as the file or its
    configuration tells them; kernels of convolutions are offered in torch's order.

    Args:
        path: what was asked for, for errors.
        files: the shards.

    Raises:
        CheckpointError: a malformed file, one that leads elsewhere or claims more than it holds, no
            arrays, or an array in two shards.
    """

    format = "keras"

    def __init__(self, path: Path, files: Sequence[Path]) -> None:
        sources, arrays = [], []
        self.ordered = True
        with ExitStack() as held:
            for number, file in enumerate(files):
                source = FileBytes(file)
                sources.append(source)
                opened, config = _opened(source, file, held)
                found, ordered, bare = _arrays(opened, config, source, number)
                if bare:
                    self.remarks[_BARE] = None
                self.ordered = self.ordered and ordered
                arrays += found
                refuse_many(len(arrays), str(path))
            super().__init__(path, sources, arrays)
            self.resources.push(held.pop_all())


def _opened(
    source: FileBytes, file: Path, held: ExitStack
) -> tuple["tuple[h5py.File, int, int | None]", str | None]:
    """((the HDF5 file, its size, where it begins if it can be mapped), the configuration)."""
    import h5py

    stream: Any = file
    size, config = source.size, None
    start: int | None = 0
    if zipfile.is_zipfile(file):
        with told(source.name), file.open("rb") as opened:
            end = zipfile._EndRecData(opened)  # type: ignore[attr-defined]
        if end[zipfile._ECD_SIZE] > _LONGEST_LIST:  # type: ignore[attr-defined]
            raise CheckpointError(f"{source.name}: an archive of more members than a model has")
        with told(source.name), zipfile.ZipFile(file) as archive:
            config = _config(archive)
            stream, size, start = _member(archive, source, held)
    with told(source.name):
        return (held.enter_context(h5py.File(stream, "r", locking=False)), size, start), config


def _config(archive: zipfile.ZipFile) -> str | None:
    if _CONFIG not in archive.namelist():
        return None
    if archive.getinfo(_CONFIG).compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return None
    with archive.open(_CONFIG) as stream:
        return stream.read(_LONGEST_CONFIG).decode("utf-8", errors="replace")


def _member(
    archive: zipfile.ZipFile, source: FileBytes, held: ExitStack
) -> tuple[IO[bytes] | Window, int, int | None]:
    """(the weights in an archive, their size, where they begin if they are as they were)."""
    if _WEIGHTS not in archive.namelist():
        raise CheckpointError(f"{source.name}: an archive without {_WEIGHTS}")
    entry = archive.getinfo(_WEIGHTS)
    size, packed = entry.file_size, entry.compress_size
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise CheckpointError(f"{source.name}: weights compressed in a way that is not read")
    if packed > source.size or size > _DENSEST * packed:
        raise CheckpointError(f"{source.name}: claims {size} bytes of weights in {packed}")
    if entry.compress_type == zipfile.ZIP_STORED:
        with archive.open(entry) as member:  # which checks the header that is before the bytes
            start = member._orig_compress_start  # type: ignore[attr-defined]
        return Window(source, start, size), size, start
    copy = held.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed by `held`
    with archive.open(entry) as member:
        left = size
        while left and (block := member.read(min(left, 1 << 20))):
            left -= copy.write(block)
    return copy, size, None


def _arrays(
    opened: "tuple[h5py.File, int, int | None]", config: str | None, source: FileBytes, number: int
) -> tuple[list[Arranged], bool, bool]:
    """(the arrays of one file in the order of the network, whether the file tells that order,
    whether it has no configuration).
    """
    file, size, start = opened
    stored = hdf5_arrays(file, source.name, size, start)
    with told(source.name):
        layers = layers_of(config or _text(file.attrs.get("model_config")))
        listed = _listed(file)
        titles = _titles(file, stored)
    paths, shapes = [array.path for array in stored], [array.shape for array in stored]
    named = name_all(paths, shapes, titles, layers)
    bare = not (layers or listed) and any("vars" in path[:-1] for path in paths)
    if bare:
        order = in_written_order(paths, [array.address for array in stored])
        order.sort(key=lambda i: named[i].parameter is None)
    else:
        order = in_network_order(named, layers, listed)
    ordered = bare or bool(layers or listed)
    weights = [i for i in order if named[i].parameter is not None]
    parameters = [p for i in weights if (p := named[i].parameter) is not None]
    found = dict(zip(weights, arrange(parameters, False, ordered), strict=True))
    arrays = [
        _arranged(stored[i], named[i], found.get(i, (None, None)), source, number) for i in order
    ]
    return arrays, ordered, bare


def _arranged(
    array: Hdf5Array,
    named: Named,
    found: Arrangement | tuple[None, None] | None,
    source: FileBytes,
    number: int,
) -> Arranged:
    kind, layout = found or (None, None)
    layout = layout or as_stored(array.shape)
    storage = (number, array.address)
    info = TensorInfo(named.name, layout.shape, array.dtype, array.nbytes, storage)
    load = partial(array.load, source)
    return Arranged(info, load, layout, judged(kind, array.dtype), told=found is not None)


def _listed(file: "h5py.File") -> dict[str, int]:
    """Places of the layers in the list that Keras 2 keeps."""
    group = file.get("model_weights", file)
    names: list[str] = [_text(name) or "" for name in group.attrs.get("layer_names", ())]
    part = 0
    while f"layer_names{part}" in group.attrs:  # a long list is kept in parts
        names += [_text(name) or "" for name in group.attrs[f"layer_names{part}"]]
        part += 1
    return {name: place for place, name in enumerate(names)}


def _titles(file: "h5py.File", arrays: Sequence[Hdf5Array]) -> dict[tuple[str, ...], str]:
    """What Keras 3 notes of its groups: the names of the layers in the network."""
    titles = {}
    groups = {array.path[:i] for array in arrays for i in range(1, len(array.path))}
    for group in groups:
        node = file["/".join(group)]
        name = _text(node["vars"].attrs.get("name")) if "vars" in node else None
        if name:
            titles[group] = name.replace("/", ".")
    return titles


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if isinstance(value, str) else None


READER = Reader(KerasCheckpoint.format, (".keras", ".weights.h5", ".h5", ".hdf5"), KerasCheckpoint)
