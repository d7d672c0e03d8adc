"""Tables for readers, no wider than the terminal: a line a row, or a line a column."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any, Final, TextIO

import pyarrow as pa
from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from zoo_analysis.cli.printing.cells import column_cells, is_number, values_of
from zoo_analysis.cli.printing.folding import folded, longest_piece
from zoo_analysis.cli.printing.prose import joined, wrapped
from zoo_analysis.texts import printable

#: Fewest rows of which what is the same in all goes into the heading.
_MANY: Final = 3
#: Narrowest that a column of names, and the first one is made.
_NAME, _FIRST = 18, 40
#: Least width of prose: comfortable, or where there is little room.
_PROSE: Final = (30, 16)
#: Longest name that is kept on one line, where that takes no further table.
_WHOLE: Final = 40
#: Longest word of prose that is kept whole.
_WORD: Final = 24
#: Narrowest of a column that stands alone beside the first.
_SQUEEZED: Final = 8
#: Tables that one is broken into, and lines that they may have together.
_TABLES, _LINES = 3, 400
#: Lines that a table has besides its rows: its names, a rule, and a blank one.
_HEAD: Final = 3
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

    def least(self, whole: bool, prose: int) -> int:
        """Fewest cells of it; a name's all, up to some length, where it is to be `whole`.

        Args:
            whole: whether names go on in no second line.
            prose: of a column of prose.
        """
        if self.number:
            return self.natural
        narrow = max(cell_len(line) for line in self.header.split("\n"))
        if self.prose:
            narrow = max(narrow, prose, longest_piece(self.cells, _WORD))
        else:
            least = _WHOLE if whole else _FIRST if self.first else _NAME
            narrow = max(narrow, least, longest_piece(self.cells))
        return min(self.natural, narrow)

    @cached_property
    def lines(self) -> list[list[str]]:
        """Those of each cell, in its width."""
        return [folded(cell, self.width) for cell in self.cells]

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
    their underscores, and cells go on in the next line, names behind a separator. Columns without
    room follow in further tables, each with the first column, or the first two where these tell
    apart rows that it does not; where that would be many lines they are left out, which the caption
    tells. One row that does not fit is written by `write_vertical`.

    Args:
        table: of any column types.
        stream: where to.
    """
    console = Console(file=stream, highlight=False)
    if not len(table):
        stream.write("no rows\n")
        return
    columns = [
        _Column(printable(name), tuple(_cells(name, column)), _whole(column.type), not index)
        for index, (name, column) in enumerate(zip(table.column_names, table.columns, strict=True))
    ]
    heading: list[str] = []
    if len(table) >= _MANY:
        columns, heading = _common(columns)
    most = max(1, min(_TABLES, _LINES // len(table)))
    plans = [_plan(columns, console.width, *how) for how in product((True, False), _PROSE)]
    tables = min(plans, key=lambda plan: _cost(plan, most))
    if len(tables) > 1 and len(table) == 1:
        write_vertical(table, stream)
        return
    told: list[RenderableType] = [Text(part) for line in heading for part in wrapped(line, stream)]
    for number, shown in enumerate(tables[:most]):
        told += [*([Text("")] if number else []), _drawn(shown)]
    if left := [each.name for shown in tables[most:] for each in shown[_keys(columns) :]]:
        more = "1 more column" if len(left) == 1 else f"{len(left)} more columns"
        line = f"{more} (-f vertical or csv): {', '.join(left)}"
        told += [Text(part) for part in wrapped(line, stream)]
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
            no_wrap=True,
            vertical="top",
        )
    for row in zip(*(each.lines for each in shown), strict=True):
        drawn.add_row(*(Text("\n".join(lines)) for lines in row))
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
    room = max(console.width - width - _GAP, _SQUEEZED)
    for number, row in enumerate(table.to_batches(max_chunksize=1), 1):
        title = Rule(Text(f"{number} of {len(table)}"), align="left", characters="─")
        lines = Table.grid(padding=(0, _GAP, 0, 0))
        lines.add_column(width=width, no_wrap=True)
        lines.add_column(overflow="fold")
        for name, values in zip(names, row.columns, strict=True):
            lines.add_row(Text(name), Text("\n".join(folded(_cells(name, values)[0], room))))
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
    """Columns that differ from row to row, at least one, and lines that tell the others."""
    kept: list[_Column] = []
    told, empty = [], []
    for number, each in enumerate(columns, 1):
        if len(set(each.cells)) == 1 and (kept or number < len(columns)):
            if each.cells[0]:
                told.append(joined(f"{each.name} {each.cells[0]}"))
            else:
                empty.append(each.name)
        else:
            kept.append(replace(each, first=not kept))
    lines = [", ".join(told)] if told else []
    return kept, lines + ([f"without a value: {', '.join(empty)}"] if empty else [])


def _plan(columns: Sequence[_Column], room: int, whole: bool, prose: int) -> list[list[_Column]]:
    """Tables that the columns are broken into, each with those that tell rows apart, and widths."""
    if _sum([each.natural for each in columns]) > room:
        columns = [replace(each, folded=True) for each in columns]
    keys = _keys(columns)
    tables = [[*columns[:keys]]]
    for each in columns[keys:]:
        beside = [*tables[-1], each]
        least = _sum([column.least(whole, prose) for column in beside])
        if len(beside) > keys + 1 and least > room:
            tables.append([*columns[:keys]])
        tables[-1].append(each)
    return [_fitted(shown, room, whole, prose) for shown in tables]


def _keys(columns: Sequence[_Column]) -> int:
    """How many of the first columns stand in every table: two, where only both tell rows apart."""
    first, *others = columns
    if len(set(first.cells)) == len(first.cells) or not others:
        return 1
    second = others[0]
    both = set(zip(first.cells, second.cells, strict=True))
    return 2 if len(both) == len(first.cells) and not second.number and not second.prose else 1


def _fitted(columns: Sequence[_Column], room: int, whole: bool, prose: int) -> list[_Column]:
    """Columns with the widths in which they have room beside each other."""
    widths = [each.natural for each in columns]
    for least in (
        [each.least(whole, prose) for each in columns],
        [each.natural if each.number else min(each.natural, _SQUEEZED) for each in columns],
    ):
        while _sum(widths) > room:
            widest = max(
                range(len(columns)),
                key=lambda i: (widths[i] > least[i], columns[i].prose, widths[i]),
            )
            if widths[widest] <= least[widest]:
                break
            widths[widest] -= 1
    return [replace(each, width=min(w, room)) for each, w in zip(columns, widths, strict=True)]


def _cost(tables: Sequence[Sequence[_Column]], most: int) -> tuple[int, int, int]:
    """The price of a plan of which at most so many tables are shown: the lower, the better.

    It is the columns that are left out; those that are set apart from the first ones, where the
    first one alone does not tell rows apart; and the lines.
    """
    keys = _keys(tables[0])
    names = set(zip(*(each.cells for each in tables[0][:keys]), strict=True))
    apart = len(names) < len(tables[0][0].cells)
    lines = sum(
        max(map(len, row))
        for shown in tables[:most]
        for row in zip(*(each.lines for each in shown), strict=True)
    )
    columns = [len(shown) - keys for shown in tables]
    return sum(columns[most:]), sum(columns[1:]) if apart else 0, lines + _HEAD * len(tables)


def _sum(widths: Sequence[int]) -> int:
    return sum(widths) + max(len(widths) - 1, 0) * _GAP
