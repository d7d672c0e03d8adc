"""Tables for readers, no wider than the terminal: a line a row, or a line a column."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, TextIO

import pyarrow as pa
from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from zoo_analysis.cli.printing.cells import column_cells, is_number, values_of
from zoo_analysis.texts import printable

#: Fewest rows of which what is the same in all goes into the heading.
_MANY: Final = 3
#: Narrowest that a column of names, one of prose, and the first one is made.
_NAME, _PROSE, _FIRST = 16, 16, 40
#: Tables that one is broken into, and lines that they may have together.
_TABLES, _LINES = 3, 400
#: Longest word of prose that is kept whole.
_WORD: Final = 24
#: Blanks between columns.
_GAP: Final = 2


@dataclass(frozen=True)
class _Column:
    """One column as it is printed: its cells, and the width they are given."""

    name: str
    cells: tuple[str, ...]
    number: bool
    first: bool = False
    folded: bool = False  # the name, at its underscores
    width: int = 0

    @cached_property
    def prose(self) -> bool:
        longest = max(self.cells, key=cell_len, default="")
        return longest.count(" ") > 1

    @cached_property
    def natural(self) -> int:
        lines = self.header.split("\n")
        return max(map(cell_len, (*lines, *self.cells)), default=0)

    @property
    def least(self) -> int:
        if self.number:
            return self.natural
        header = max(map(cell_len, self.header.split("\n")))
        narrowest = self._word if self.prose else _FIRST if self.first else _NAME
        return min(self.natural, max(header, narrowest))

    @property
    def _word(self) -> int:
        """Width of prose in which its words stay whole, but for endless ones."""
        longest = max(map(cell_len, " ".join(self.cells).split()), default=0)
        return max(_PROSE, min(longest, _WORD))

    @property
    def header(self) -> str:
        if not self.folded:
            return self.name
        parts, lines = self.name.split("_"), [""]
        room = max(cell_len(cell) for cell in (*self.cells, *(f"{p}_" for p in parts)))
        for number, part in enumerate(parts):
            text = part if number == len(parts) - 1 else f"{part}_"
            if lines[-1] and cell_len(lines[-1] + text) > room:
                lines.append("")
            lines[-1] += text
        return "\n".join(lines)


def write_readable(table: pa.Table, stream: TextIO) -> None:
    """A table no wider than the terminal; elsewhere than ``$COLUMNS``, or 80.

    What three or more rows have in common is told above them. To fit, names of columns fold at
    their underscores, prose folds, and names are elided in the middle. Columns without room follow
    in further tables, each with the first column; where that would be many lines they are left out,
    which the caption tells. One row that does not fit is written by `write_vertical`.

    Args:
        table: of any column types.
        stream: where to.
    """
    console = Console(file=stream, highlight=False)
    columns = [
        _Column(printable(name), tuple(_cells(name, column)), _whole(column.type), not index)
        for index, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True))
    ]
    heading: list[str] = []
    if len(table) >= _MANY:
        columns, heading = _common(columns)
    shown = _fitted(columns, console.width)
    if len(shown) < len(columns) and len(table) == 1:
        write_vertical(table, stream)
        return
    told: list[RenderableType] = [Text(line) for line in heading]
    told.append(_drawn(shown))
    left = columns[len(shown) :]
    for _ in range(min(_TABLES, _LINES // max(len(table), 1)) - 1):
        if not left:
            break
        shown = _fitted([columns[0], *left], console.width)
        if len(shown) == 1:  # the next is wider than all the room
            break
        left = left[len(shown) - 1 :]
        told += [Text(""), _drawn(shown)]
    if not len(table):
        told.append(Text("no rows"))
    if left:
        more = "1 more column" if len(left) == 1 else f"{len(left)} more columns"
        names = ", ".join(each.name for each in left)
        told.append(Text(f"{more} (-f vertical or csv): {names}"))
    _print(console, stream, *told)


def _drawn(shown: Sequence[_Column]) -> Table:
    """Columns beside each other, each in its width."""
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, _GAP - 1, 0, 0), pad_edge=False)
    for each in shown:
        drawn.add_column(
            Text(each.header),
            justify="right" if each.number else "left",
            overflow="fold",
            width=each.width,
            no_wrap=each.number or not each.prose,
            vertical="top",
        )
    for row in zip(*(_elided(each) for each in shown), strict=True):
        drawn.add_row(*map(Text, row))
    return drawn


def write_vertical(table: pa.Table, stream: TextIO) -> None:
    """A line a column and value, row after row, as psql's expanded display has it.

    Args:
        table: of any column types; null and NaN are left empty.
        stream: where to.
    """
    console = Console(file=stream, highlight=False)
    names = list(map(printable, table.column_names))
    width = max(map(cell_len, names), default=0)
    for number, row in enumerate(table.to_batches(max_chunksize=1), 1):
        title = Rule(Text(f"{number} of {len(table)}"), align="left", characters="─")
        lines = Table.grid(padding=(0, _GAP, 0, 0))
        lines.add_column(width=width, no_wrap=True)
        lines.add_column(overflow="fold")
        for name, values in zip(names, row.columns, strict=True):
            lines.add_row(Text(name), Text(_cells(name, values)[0]))
        _print(console, stream, title, lines)
    if not len(table):
        stream.write("no rows\n")


def _whole(kind: pa.DataType) -> bool:
    """True for numbers and times, of which no part may be missing."""
    return is_number(kind) or bool(pa.types.is_temporal(kind))


def _print(console: Console, stream: TextIO, *parts: RenderableType) -> None:
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    stream.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _cells(name: str, column: pa.Array | pa.ChunkedArray) -> list[str]:
    values: list[Any] = values_of(column)
    return column_cells(name, values)


def _common(columns: Sequence[_Column]) -> tuple[list[_Column], list[str]]:
    """Columns that differ from row to row, and lines that tell the others; the first stays."""
    kept, told, empty = [], [], []
    for index, each in enumerate(columns):
        if index and len(set(each.cells)) == 1:
            if each.cells[0]:
                told.append(f"{each.name} {each.cells[0]}")
            else:
                empty.append(each.name)
        else:
            kept.append(each)
    lines = [f"in all rows: {', '.join(told)}"] if told else []
    return kept, lines + ([f"without a value: {', '.join(empty)}"] if empty else [])


def _fitted(columns: Sequence[_Column], room: int) -> list[_Column]:
    """The first columns that have room beside each other, each with its width."""
    if _sum([each.natural for each in columns]) > room:
        columns = [replace(each, folded=True) for each in columns]
    count = len(columns)
    while count > 1 and _sum([each.least for each in columns[:count]]) > room:
        count -= 1
    widths = [min(each.natural, room) for each in columns[:count]]
    least = [min(each.least, room) for each in columns[:count]]
    while _sum(widths) > room:
        widest = max(
            range(count), key=lambda i: (widths[i] > least[i], columns[i].prose, widths[i])
        )
        if widths[widest] <= least[widest]:
            break
        widths[widest] -= 1
    return [replace(each, width=w) for each, w in zip(columns, widths, strict=False)]


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + max(len(widths) - 1, 0) * _GAP


def _elided(column: _Column) -> list[str]:
    if column.number or column.prose:
        return list(column.cells)
    return [elided(cell, column.width) for cell in column.cells]


def elided(text: str, width: int) -> str:
    """A text of at most `width` cells, with … for what is left out of its middle."""
    if cell_len(text) <= width:
        return text
    end = (width - 1) // 2
    tail = text[-end:] if end else ""
    while cell_len(tail) > end:
        tail = tail[1:]
    return set_cell_size(text, width - 1 - cell_len(tail)).rstrip() + "…" + tail
