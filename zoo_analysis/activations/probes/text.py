"""Texts as probes: words in passages that any model takes in one forward pass."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from zoo_analysis.errors import ActivationError

#: Words of a passage: some 40 tokens of English, at most a few hundred of any language.
PASSAGE: Final = 32


def default_text() -> str:
    """Public-domain English of two centuries: the Declaration of Independence, two of Lincoln's."""
    return files("zoo_analysis.activations.probes").joinpath("public_domain.txt").read_text("utf-8")


def read_text(path: Path) -> str:
    """A text file.

    Raises:
        ActivationError: it cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise ActivationError(f"{path}: {error.strerror}; give a text file") from None
    except UnicodeDecodeError:
        raise ActivationError(f"{path}: not UTF-8; convert it, or give another text file") from None


def passages(text: str, words: int) -> list[str]:
    """The first words of a text, `PASSAGE` to a passage, with single spaces between them.

    Args:
        text: whitespace separates its words.
        words: how many, at most.
    """
    kept = text.split()[:words]
    return [" ".join(kept[i : i + PASSAGE]) for i in range(0, len(kept), PASSAGE)]
