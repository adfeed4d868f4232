"""A table of results, as Markdown that also reads well in a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Table:
    """The results of a benchmark.

    Attributes:
        title: what was compared.
        columns: the heads.
        rows: the rows, each with a cell for every column.
        note: the explanation below the table.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def to_markdown(self) -> str:
        """The table with its title and note."""
        widths = [max(len(row[index]) for row in (self.columns, *self.rows)) for index in range(len(self.columns))]

        def line(cells: Sequence[str]) -> str:
            first, *others = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
            return f"| {' | '.join([first, *(cell.strip().rjust(len(cell)) for cell in others)])} |"

        rule = f"| {'-' * widths[0]} |" + "".join(f" {'-' * (width - 1)}: |" for width in widths[1:])
        text = "\n".join([f"### {self.title}", "", line(self.columns), rule, *map(line, self.rows)])
        return f"{text}\n\n{self.note}\n" if self.note else f"{text}\n"


def number(value: float) -> str:
    """A figure with three significant digits."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.3g}"


def times(value: float) -> str:
    """A ratio."""
    return f"{number(value)} ×"
