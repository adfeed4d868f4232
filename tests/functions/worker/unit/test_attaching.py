"""Which files go with an email."""

import pytest

from functions.worker.attaching import MOST_BYTES, ChosenFiles, choose
from report_kit.report import Attachment, InlineImage, PermanentError

MEGABYTE = 1024 * 1024


def file(name: str, size: int = 1, media_type: str = "text/csv") -> Attachment:
    return Attachment(filename=name, content=bytes(size), media_type=media_type)


def names(chosen: ChosenFiles) -> tuple[list[str], list[str]]:
    return [each.filename for each in chosen.attached], [each.filename for each in chosen.left_out]


def test_all_files_go_with_the_mail_up_to_the_limit() -> None:
    files = [file("a.csv", MOST_BYTES - 1), file("b.csv", 1)]
    assert choose(files) == ChosenFiles(attached=files, left_out=[])
    assert choose([]) == ChosenFiles(attached=[], left_out=[])


def test_what_a_mail_has_at_most_is_less_than_sendgrid_takes() -> None:
    encoded = -(-MOST_BYTES // 3) * 4
    with_line_breaks = encoded + encoded // 76 * 2
    assert with_line_breaks < 29_000_000


@pytest.mark.parametrize(
    ("sizes", "attached", "left_out"),
    [
        ([21], "", "a"),
        ([1, 25, 2], "ac", "b"),
        ([8, 7, 9], "ab", "c"),
        ([15, 12, 11], "c", "ab"),
        ([10, 10, 10], "bc", "a"),
        ([25, 1, 30], "b", "ac"),
    ],
)
def test_the_largest_are_left_out_first(sizes: list[int], attached: str, left_out: str) -> None:
    files = [file(name, size * MEGABYTE) for name, size in zip("abc", sizes, strict=False)]
    assert names(choose(files)) == (list(attached), list(left_out))


def test_pictures_count() -> None:
    picture = InlineImage(content_id="chart", content=bytes(MEGABYTE))
    assert names(choose([file("a", 19 * MEGABYTE)], [picture])) == (["a"], [])
    assert names(choose([file("a", 19 * MEGABYTE + 1)], [picture])) == ([], ["a"])


def test_names_are_safe_and_no_two_are_the_same() -> None:
    files = [file("../sales.csv"), file("Sales.CSV"), file("sales.csv"), file("sales.csv"), file("sales (2).csv")]
    assert names(choose(files))[0] == ["_sales.csv", "Sales.CSV", "sales (2).csv", "sales (3).csv", "sales (2) (2).csv"]


@pytest.mark.parametrize("kind", ["", "csv", "text/csv; charset=utf-8", "text/csv\r\nX: y", "text /csv", "text/csv/x"])
def test_a_media_type_that_a_provider_refuses_is_named(kind: str) -> None:
    with pytest.raises(PermanentError, match=r"^the attachment 'a\.csv': .* is no media type, such as text/csv"):
        choose([file("a.csv", media_type=kind)])


def test_an_empty_file_is_named() -> None:
    with pytest.raises(PermanentError, match=r"^the attachment 'a\.csv' is empty$"):
        choose([file("a.csv", 0)])
