"""A figure of the report as a picture with its description."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import altair as alt

from zoo_analysis.errors import QueryError
from zoo_analysis.report.figures.figure_files import picture
from zoo_analysis.store import Store


@dataclass(frozen=True)
class Picture:
    """A chart as a file of the report; its words are the page's, which wraps and reads them.

    Attributes:
        address: of the file in the report.
        title: what is shown.
        text: the caption.
        statements: SQL, or commands, that give its numbers.
        png: the file.
    """

    address: str
    title: str
    text: str
    statements: tuple[str, ...]
    png: bytes

    @classmethod
    def of(cls, chart: alt.TopLevelMixin, address: str, statements: Sequence[str]) -> "Picture":
        """A chart's picture, with the chart's own title and caption."""
        png, title, text = picture(chart)
        return cls(address, title, text, tuple(statements), png)

    @classmethod
    def of_all(
        cls,
        figure: Callable[[Store], alt.TopLevelMixin],
        store: Store,
        where: str | None,
        address: str,
        statements: Sequence[str],
    ) -> "Picture | None":
        """A picture of all models of a store; None of a report of some, or without what it shows.

        Args:
            figure: of a store.
            store: that is asked.
            where: the condition on the report's models.
            address: of the file in the report.
            statements: SQL, or commands, that give its numbers.
        """
        if where is not None:
            return None
        try:
            return cls.of(figure(store), address, statements)
        except QueryError:
            return None
