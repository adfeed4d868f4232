"""Charts: their pictures, and the words around them."""

import io
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from functions.shared.mail.brand import DARK_GROUND
from functions.shared.mail.color import GRAPHIC, WHITE, channels, contrast
from report_kit.chart import Series, axis, bar_chart, series_chart
from report_kit.drawn_bars import BAR_COLOR, HEIGHT, WIDTH, axis_top, draw_bars
from report_kit.drawn_series import OTHER_COLORS, ChartShape, draw_series
from report_kit.language import language_for

BAR = (*channels(BAR_COLOR), 255)
HOURS = [f"{hour:02}:00" for hour in range(24)]


def pixels(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture)).convert("RGBA")


def bar_height(image: Image.Image, number: int, of: int) -> int:
    """How many pixels of a bar are filled in its middle, in the part of the chart where it stands."""
    middle = round(WIDTH * (number + 0.5) / of)
    return sum(image.getpixel((middle, y)) == BAR for y in range(HEIGHT))


def test_a_chart_is_a_png_of_twice_the_size_that_a_mail_shows() -> None:
    picture = draw_bars([3] * 24, top=4)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert pixels(picture).size == (WIDTH, HEIGHT)


def test_its_ground_is_transparent_for_dark_and_light_mails() -> None:
    assert pixels(draw_bars([3, 4], top=4)).getpixel((WIDTH // 2, HEIGHT // 4))[3] == 0  # type: ignore[index]  # RGBA


def test_a_higher_value_has_a_higher_bar_and_nothing_has_none() -> None:
    image = pixels(draw_bars([1, 4, 0], top=4))
    low, high, none = (bar_height(image, number, 3) for number in range(3))
    assert high == pytest.approx(4 * low, rel=0.05)
    assert low > 50
    assert none == 0


def test_of_what_is_expected_only_the_outline_is_drawn() -> None:
    image = pixels(draw_bars([4, 4], top=4, expected_from=1))
    assert bar_height(image, 0, 2) > 100
    assert bar_height(image, 1, 2) < 10


def test_time_goes_from_right_to_left_where_the_language_does() -> None:
    image = pixels(draw_bars([4, 0], top=4, from_right=True))
    assert bar_height(image, 0, 2) == 0
    assert bar_height(image, 1, 2) > 100


def test_charts_drawn_at_the_same_time_do_not_mix() -> None:
    numbers = random.Random(7)  # noqa: S311  no secret
    inputs = [[numbers.randrange(10 ** (index % 7 + 1)) for _ in HOURS] for index in range(8)]
    one_by_one = [draw_bars(counts, top=max(counts)) for counts in inputs]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda counts: draw_bars(counts, top=max(counts)), inputs))
    assert at_once == one_by_one
    assert len(set(one_by_one)) == len(inputs)


@pytest.mark.parametrize("values", [[], [0], [-5, 3], [1e300, 1], [0.25]])
@pytest.mark.parametrize("tag", ["en", "ja", "ar"])
def test_any_values_make_a_chart(values: list[float], tag: str) -> None:
    language = language_for(tag)
    chart, image = bar_chart(
        "c",
        values,
        ["1"] * len(values),
        title="",
        description="",
        write=str,
        language=language,
        limit=0,
        legend=["so far", "limit"],
    )
    assert pixels(image.content).size == (WIDTH, HEIGHT)
    assert [entry.text for entry in chart.legend] == ["so far", "limit"]


@pytest.mark.parametrize("color", [BAR_COLOR, *OTHER_COLORS])
def test_each_color_is_seen_on_a_light_and_on_a_dark_ground(color: str) -> None:
    assert contrast(color, WHITE) >= GRAPHIC
    assert contrast(color, DARK_GROUND) >= GRAPHIC


@pytest.mark.parametrize("from_right", [False, True])
@pytest.mark.parametrize("shape", ChartShape)
def test_each_value_of_each_series_stands_where_it_belongs(shape: ChartShape, from_right: bool) -> None:
    series, colors = [[4, 0, 2], [2, 4, 0]], (BAR_COLOR, OTHER_COLORS[0])
    image = pixels(draw_series(series, shape, top=8, colors=colors, from_right=from_right))

    def seen(number: int, color: str) -> list[int]:
        """The heights at which a color is, in the part of the chart that a label has."""
        place = 2 - number if from_right else number
        columns = range(round(WIDTH * place / 3) + 1, round(WIDTH * (place + 1) / 3) - 1)
        shade = (*channels(color), 255)
        return [HEIGHT - y for y in range(HEIGHT) if any(image.getpixel((x, y)) == shade for x in columns)]

    for number in range(3):
        for values, color in zip(series, colors, strict=True):
            heights, value = seen(number, color), values[number]
            below = series[0][number] if shape is ChartShape.STACKED and color != colors[0] else 0
            if shape is ChartShape.LINE:
                assert max(heights) >= HEIGHT * value / 8 - 1
            elif value:
                assert max(heights) == pytest.approx(HEIGHT * (below + value) / 8, abs=4)
                assert min(heights) == pytest.approx(HEIGHT * below / 8, abs=4)
            else:
                assert heights == []


def test_the_legend_names_several_series_and_not_one() -> None:
    def legend(count: int) -> list[str]:
        series = [Series(f"s{number}", [number, 1]) for number in range(count)]
        words: dict[str, Any] = {"title": "T", "description": "D", "write": str, "language": language_for("en")}
        return [entry.text for entry in series_chart("c", series, ["a", "b"], ChartShape.GROUPED, **words)[0].legend]

    assert (legend(1), legend(3)) == ([], ["s0", "s1", "s2"])


@pytest.mark.parametrize(("shape", "top"), [("stacked", "15"), ("grouped", "12"), ("line", "12")])
def test_what_is_below_zero_takes_nothing_from_the_height_of_the_others(shape: str, top: str) -> None:
    words: dict[str, Any] = {"title": "T", "description": "D", "write": "{:g}".format, "language": language_for("en")}
    for refunds, expected in (([-9.0, -9.0, 2.0], top), ([-9.0, -9.0, -9.0], "12")):
        series = [Series("sales", [10.0, 4.0, 10.0]), Series("refunds", refunds)]
        assert series_chart("c", series, ["a", "b", "c"], ChartShape(shape), **words)[0].top == expected
    assert series_chart("c", [Series("none", [])], [], ChartShape(shape), **words)[0].axis == []


def test_values_stand_at_their_bars_where_there_is_room_for_all() -> None:
    assert [each.value for each in axis(["Mon", "Tue"], ["€1,200.00", "€7.00"])] == ["€1,200.00", "€7.00"]
    assert {each.value for each in axis(["Mon"] * 6, ["€1,200.00"] * 6)} == {""}


@given(st.floats(0, 1e15), st.booleans())
def test_the_chart_holds_the_highest_value_and_has_little_room_above_it(highest: float, whole: bool) -> None:
    top = axis_top(highest, whole=whole)
    assert top >= highest * 0.999
    assert top <= max(highest * 2.01, 4 if whole else 1)
    assert not whole or top.is_integer()


@pytest.mark.parametrize(
    ("highest", "whole", "top"),
    [(0, True, 4), (1, True, 4), (2, True, 4), (5, True, 6), (17, True, 20), (0.5, False, 0.6), (98.2, False, 100)],
)
def test_the_upper_end_is_a_round_number_and_small_counts_look_small(highest: float, whole: bool, top: float) -> None:
    assert axis_top(highest, whole=whole) == pytest.approx(top)


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (HOURS, ["00:00", "04:00", "08:00", "12:00", "16:00", "20:00"]),
        # The last label has no room: it is left out rather than cut off.
        ([f"{day} Nov" for day in range(1, 32)], ["1 Nov", "7 Nov", "13 Nov", "19 Nov", "25 Nov", ""]),
        ([f"{month}月2026年" for month in range(1, 13)], ["1月2026年", "4月2026年", "7月2026年", "10月2026年"]),
        (["a"], ["a"]),
        ([], []),
    ],
)
def test_as_many_labels_stand_below_the_bars_as_there_is_room_for(labels: list[str], shown: list[str]) -> None:
    made = axis(labels)
    assert [label.text for label in made] == shown
    assert not labels or sum(label.width for label in made) == pytest.approx(100, abs=0.1)
