"""Colors that people can tell apart: contrast by WCAG 2, and the nearest color that has enough of it. Pure.

https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
"""

import functools
from collections.abc import Callable

WHITE, BLACK = "#ffffff", "#000000"

TEXT, GRAPHIC = 4.5, 3.0
"""The least contrast of text, and of what a graphic is made of.
https://www.w3.org/TR/WCAG22/#contrast-minimum and https://www.w3.org/TR/WCAG22/#non-text-contrast"""

_STEPS = 50


def channels(color: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of a color written as #rrggbb."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colors, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@functools.lru_cache(maxsize=256)
def readable_on(ground: str) -> str:
    """White, or black where white is too faint: one of the two has the contrast of text on any ground."""
    return WHITE if contrast(WHITE, ground) >= TEXT else BLACK


@functools.lru_cache(maxsize=256)
def text_on(ground: str, color: str) -> str:
    """The color, as much lighter or darker as text of it needs to be read on a ground.

    Args:
        ground: white, or nearly black.
        color: which.
    """
    return _nearest(color, readable_on(ground), lambda tried: contrast(tried, ground) >= TEXT)


@functools.lru_cache(maxsize=256)
def graphic_on_both(light: str, dark: str, color: str) -> str:
    """The color, as much lighter or darker as a graphic needs that stands on a light ground or on a dark one.

    Args:
        light: the one ground.
        dark: the other.
        color: which.
    """

    def is_seen(tried: str) -> bool:
        return contrast(tried, light) >= GRAPHIC and contrast(tried, dark) >= GRAPHIC

    towards = BLACK if contrast(color, light) < GRAPHIC else WHITE
    return _nearest(color, towards, is_seen)


def _nearest(color: str, towards: str, is_enough: Callable[[str], bool]) -> str:
    mixed = color
    for step in range(_STEPS + 1):
        mixed = _mix(color, towards, step / _STEPS)
        if is_enough(mixed):
            break
    return mixed


def _mix(color: str, other: str, share: float) -> str:
    mixed = (round(one + (two - one) * share) for one, two in zip(channels(color), channels(other), strict=True))
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def _luminance(color: str) -> float:
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (channel / 255 for channel in channels(color))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
