"""A bar chart as a PNG that is seen on a light and on a dark ground.

Pillow draws it, in a third of the time that matplotlib takes, and is imported in a fraction. The picture has no text: a
letter would be half its size on a telephone, and no gray is dark enough for a white ground and light enough for a dark
one. What the chart says stands as text around it (chart.py).

It has a palette: as RGBA, four bytes for each pixel were compressed in place of two bits, which took ten times as long.
"""

import io
import math
import zlib
from collections.abc import Sequence
from typing import Any

from functions.shared.mail.color import channels

WIDTH, HEIGHT = 992, 320
"""In pixels: twice the size at which an email shows it, for screens that have two for one."""

BAR_COLOR = "#3b82f6"
LIMIT_COLOR = "#d97706"

GRAY = (122, 132, 148)
_NOTHING, _GRID, _GROUND, _BAR, _LIMIT = range(5)
"""Places in the palette. The last one is left out where it is not used: four colors take half the room of five."""
_OPACITY = bytes([0, 90, 255, 255, 255])
TOP, LOWEST = 2, HEIGHT - 2
"""Between which values stand."""

WIDEST_BAR = 90
_STEPS = (1, 2, 2.5, 5, 10)
_NEXT_TO_NOTHING = 1e-9
_LEAST_TOP = 4
"""Two events are not many: an axis that ended there would make them look so."""


def draw_bars(
    values: Sequence[float],
    *,
    top: float,
    expected_from: int | None = None,
    limit: float | None = None,
    color: str = BAR_COLOR,
    from_right: bool = False,
) -> bytes:
    """Draw one bar for each value.

    Args:
        values: how high the bars are; what is below zero has none.
        top: the value at the upper end of the picture (axis_top).
        expected_from: the first of the bars that are a forecast, of which only the outline is drawn.
        limit: a height to mark by a line across.
        color: of the bars, as #rrggbb.
        from_right: whether the first bar is on the right.

    Returns:
        A PNG with a transparent ground, WIDTH by HEIGHT pixels.
    """
    # Not needed where nothing happened.
    from PIL import Image, ImageDraw

    picture = Image.new("P", (WIDTH, HEIGHT), _NOTHING)
    colors = [GRAY, GRAY, GRAY, channels(color), *([channels(LIMIT_COLOR)] if limit is not None else [])]
    picture.putpalette([channel for shade in colors for channel in shade])
    canvas = ImageDraw.Draw(picture)

    def height(value: float) -> float:
        return LOWEST - (LOWEST - TOP) * min(max(value, 0) / top, 1)

    grid(canvas)
    pitch = WIDTH / max(len(values), 1)
    width = min(pitch * 0.76, WIDEST_BAR)
    for index, value in enumerate(values):
        if height(value) > LOWEST - 0.5:
            continue
        place = len(values) - 1 - index if from_right else index
        left = pitch * (place + 0.5) - width / 2
        is_expected = expected_from is not None and index >= expected_from
        canvas.rectangle(
            (round(left), round(height(value)), round(left + width), LOWEST),
            fill=_NOTHING if is_expected else _BAR,
            outline=_BAR,
            width=3,
        )
    canvas.line((0, LOWEST, WIDTH, LOWEST), fill=_GROUND, width=2)
    if limit is not None:
        canvas.line((0, height(limit), WIDTH, height(limit)), fill=_LIMIT, width=5)
    return to_png(picture, _OPACITY[: len(colors)])


def to_png(picture: Any, opacity: bytes) -> bytes:
    """A picture with a palette as a PNG.

    Its rows repeat pixels and one another: zlib finds the runs alone in half the time that it searches for all that
    recurs, and a hundred bytes more come of it.

    Args:
        picture: Pillow's Image.
        opacity: of each color of its palette.
    """
    file = io.BytesIO()
    picture.save(file, "PNG", transparency=opacity, compress_type=zlib.Z_RLE)
    return file.getvalue()


def grid(canvas: Any) -> None:
    """Draw the lines behind a chart, in the second color of its palette.

    Args:
        canvas: Pillow's ImageDraw of it.
    """
    for y in ((TOP + LOWEST) / 2, TOP):
        canvas.line((0, y, WIDTH, y), fill=_GRID, width=2)


def axis_top(highest: float, *, whole: bool) -> float:
    """A round number for the upper end of a chart.

    Args:
        highest: what must be below it.
        whole: whether the values are counts, of which there are no halves.
    """
    if whole and highest <= _LEAST_TOP:
        return float(_LEAST_TOP)
    if highest < _NEXT_TO_NOTHING:
        return 1.0
    magnitude = 10.0 ** math.floor(math.log10(highest / 4))
    step = next(factor * magnitude for factor in _STEPS if factor * magnitude * 4 >= highest * 0.999)
    if whole:
        step = max(1.0, float(math.ceil(step)) if step < 10 else step)
    return step * math.ceil(highest / step * 0.999)
