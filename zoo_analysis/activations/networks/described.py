"""Files that describe a model's inputs, copied to where a library finds them and nothing else."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from zoo_analysis.folders import MAX_INDEX, MAX_TEXT, read_regular
from zoo_analysis.weights.layers.building import UnbuildableError, refuse_images
from zoo_analysis.weights.lenient_json import lenient_json

#: Tokenizers, vocabularies and image processors, as transformers calls them; no code, no templates.
_FILES: Final = re.compile(
    r"((pre)?processor_config|tokenizer(_config)?|special_tokens_map|added_tokens|vocab|merges)"
    r"\.(json|txt)|[^/]+\.(model|bpe)"
)
#: Files of settings, of which the rest is plain data of the libraries' own.
_SETTINGS: Final = re.compile(r"((pre)?processor|tokenizer)_config\.json|special_tokens_map\.json")
#: Settings that lead elsewhere, or are programs.
_LEADING: Final = re.compile(
    r"auto_map|_file$|name_or_path|path$|url|template|cache_dir|remote|code"
)


@contextmanager
def copied(directory: Path, config: Any) -> Iterator[Path]:
    """A folder with what describes the inputs of a model: regular files, settings that stay there.

    Args:
        directory: of the model.
        config: transformers' configuration of it, already checked.

    Raises:
        UnbuildableError: settings that are no JSON, or that make images too large.
        CheckpointError: a file that is no regular one of the model's folder, or is too large.
    """
    with TemporaryDirectory(prefix="zoo-network-") as made:
        folder = Path(made)
        for file in sorted(directory.iterdir()):
            if not _FILES.fullmatch(file.name):
                continue
            settings = _SETTINGS.fullmatch(file.name)
            content = read_regular(file, directory, MAX_TEXT if settings else MAX_INDEX)
            if settings:
                content = _checked(content, file).encode()
            (folder / file.name).write_bytes(content)
        config.save_pretrained(folder)
        yield folder


def _checked(content: bytes, file: Path) -> str:
    try:
        settings = lenient_json(content.decode("utf-8-sig"))
    except ValueError as error:
        raise UnbuildableError(f"{file.name} is no JSON: {error}") from None
    if not isinstance(settings, dict):
        raise UnbuildableError(f"{file.name} is no JSON object")
    if file.name.endswith("processor_config.json"):
        refuse_images(settings)
    return json.dumps({key: v for key, v in settings.items() if not _LEADING.search(key)})
