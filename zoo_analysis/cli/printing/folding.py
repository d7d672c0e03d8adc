"""Texts on several lines: broken at blanks, and long words behind a separator."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from rich.cells import cell_len, chop_cells

#: Behind these a name, path or address may go on in the next line.
_PIECES: Final = re.compile(r"[^/._:@,;=&?+|-]*[/._:@,;=&?+|-]+|[^/._:@,;=&?+|-]+")


def folded(text: str, width: int) -> list[str]:
    """The lines of a text, of at most `width` cells each.

    A line ends at a blank; within a word that is wider than a line, behind a separator (``/``,
    ``.``, ``_``, ``-``, …); and elsewhere only in what has none for so long.

    Args:
        text: one line.
        width: cells of a line, ≥ 1.
    """
    lines = [""]
    for number, word in enumerate(text.split(" ")):
        glue = " " if number and lines != [""] else ""
        if cell_len(lines[-1] + glue + word) <= width:
            lines[-1] += glue + word
            continue
        if lines[-1]:
            lines.append("")
        for piece in _fitting(word, width):
            if lines[-1] and cell_len(lines[-1] + piece) > width:
                lines.append("")
            lines[-1] += piece
    return lines


def longest_piece(texts: Iterable[str], kept: int = 0) -> int:
    """Cells of the longest piece that `folded` does not break.

    Args:
        texts: one line each.
        kept: words of up to so many cells are one piece.
    """
    return max(
        (
            cell_len(piece)
            for word in {word for text in texts for word in text.split(" ")}
            for piece in ([word] if cell_len(word) <= kept else _PIECES.findall(word))
        ),
        default=0,
    )


def _fitting(word: str, width: int) -> Iterator[str]:
    for piece in _PIECES.findall(word):
        yield from chop_cells(piece, width) if cell_len(piece) > width else [piece]
