"""The chart."""

import random
import struct
from concurrent.futures import ThreadPoolExecutor

from functions.worker.reports.activity.chart import draw

LABELS = [f"{hour:02}:00" for hour in range(8)]


def test_a_chart_is_a_png_of_twice_the_width_that_a_mail_shows() -> None:
    picture = draw([3] * 24, LABELS)
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", picture[16:24]) == (1200, 500)


def test_charts_drawn_at_the_same_time_do_not_mix() -> None:
    numbers = random.Random(7)  # noqa: S311  no secret
    inputs = [[numbers.randrange(10 ** (index % 7 + 1)) for _ in LABELS] for index in range(8)]
    one_by_one = [draw(counts, LABELS) for counts in inputs]
    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda counts: draw(counts, LABELS), inputs))
    assert at_once == one_by_one
    assert len(set(one_by_one)) == len(inputs)


def test_labels_are_text_and_nothing_else() -> None:
    assert draw([1, 2], ["$\\frac{1}", "<b>"])
