"""The chart of a period, as a PNG that is readable on a light and on a dark ground."""

import io
import threading
from collections.abc import Sequence

from babel.numbers import format_compact_decimal

_BAR = "#3b82f6"
_WORDS = "#7a8494"
_GRID = "#7a849440"
_LABELS = 6

_one_at_a_time = threading.Lock()
"""Matplotlib is not safe for threads, not even with figures of their own.
https://matplotlib.org/stable/users/faq.html#work-with-threads"""


def draw(counts: Sequence[int], labels: Sequence[str], locale: str = "en") -> bytes:
    """Draw one bar for each count.

    Args:
        counts: how high the bars are.
        labels: what they are called; as many are written as there is room for.
        locale: the language of the numbers.

    Returns:
        A PNG with a transparent ground, 1200 pixels wide: twice the width at which a mail shows it.
    """
    with _one_at_a_time:
        # Takes longer to import than everything else together, and is not needed where nothing happened.
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        figure = Figure(figsize=(6, 2.5), dpi=200, facecolor="none")
        canvas = FigureCanvasAgg(figure)
        axes = figure.add_axes((0.085, 0.155, 0.91, 0.815), facecolor="none")
        axes.bar(range(len(counts)), counts, width=0.72, color=_BAR)
        axes.set_xlim(-0.6, len(counts) - 0.4)
        axes.set_ylim(0, max(max(counts), 1) * 1.05)
        every = -(-len(labels) // _LABELS)
        shown = range(0, len(labels), every)
        axes.set_xticks(list(shown), [labels[index] for index in shown], parse_math=False)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
        axes.yaxis.set_major_formatter(
            lambda value, _position: format_compact_decimal(value, locale=locale, fraction_digits=1)
        )
        axes.grid(axis="y", color=_GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(colors=_WORDS, labelsize=11, length=0, pad=4)
        axes.tick_params(axis="x", pad=9)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(_GRID)
        picture = io.BytesIO()
        canvas.print_png(picture)  # type: ignore[no-untyped-call]  # untyped in the library
    return picture.getvalue()
