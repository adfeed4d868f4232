"""The chart."""

import io
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from functions.worker.reports.bar_chart import BAR, HEIGHT, WIDTH, draw_bars, scale, short_number

LABELS = [f"{hour:02}:00" for hour in range(8)]


def pixels(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture)).convert("RGBA")


def bar_height(image: Image.Image, number: int, of: int) -> int:
    """How many pixels high the bar of a value is, in the part of the chart where it stands."""
    left = 60 + (WIDTH - 70) * number // of
    part = image.crop((left, 0, left + (WIDTH - 70) // of, HEIGHT))
    rows = [y for y in range(HEIGHT) if any(part.getpixel((x, y)) == BAR for x in range(0, part.width, 4))]
    return len(rows)


def test_a_chart_is_a_png_of_twice_the_size_that_a_mail_shows() -> None:
    picture = draw_bars([3] * 24, LABELS)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert pixels(picture).size == (WIDTH, HEIGHT)


def test_its_ground_is_transparent_for_dark_and_light_mails() -> None:
    assert pixels(draw_bars([3, 4], ["a", "b"])).getpixel((WIDTH - 1, HEIGHT - 1))[3] == 0  # type: ignore[index]  # RGBA


def test_a_higher_value_has_a_higher_bar_and_nothing_has_none() -> None:
    image = pixels(draw_bars([1, 4, 0], ["1", "2", "3"]))
    low, high, none = (bar_height(image, number, 3) for number in range(3))
    assert high == pytest.approx(4 * low, rel=0.05)
    assert low > 50
    assert none == 0


def test_what_is_expected_is_fainter_than_what_was() -> None:
    image = pixels(draw_bars([4, 4], ["1", "2"], expected_from=1))
    assert bar_height(image, 0, 2) > 100
    assert bar_height(image, 1, 2) == 0


def test_charts_drawn_at_the_same_time_do_not_mix() -> None:
    numbers = random.Random(7)  # noqa: S311  no secret
    inputs = [[numbers.randrange(10 ** (index % 7 + 1)) for _ in LABELS] for index in range(8)]
    one_by_one = [draw_bars(counts, LABELS) for counts in inputs]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda counts: draw_bars(counts, LABELS), inputs))
    assert at_once == one_by_one
    assert len(set(one_by_one)) == len(inputs)


@pytest.mark.parametrize("values", [[], [0], [-5, 3], [1e300, 1], [0.25]])
def test_any_values_make_a_chart(values: list[float]) -> None:
    assert pixels(draw_bars(values, ["1"] * len(values), limit=0)).size == (WIDTH, HEIGHT)


@given(st.floats(0, 1e15))
def test_the_axis_holds_the_highest_value_and_is_not_crowded(highest: float) -> None:
    step, top = scale(highest)
    assert top >= highest * 0.999
    assert 1 <= round(top / step) <= 5
    assert step >= 1


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (7, "7"), (2.5, "2.5"), (999, "999"), (1000, "1k"), (2500, "2.5k"), (12_000_000, "12M"), (5e9, "5G")],
)
def test_numbers_of_an_axis_are_short(number: float, text: str) -> None:
    assert short_number(number) == text
