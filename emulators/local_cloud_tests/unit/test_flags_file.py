"""gcloud flags files: what is read, and what is refused with words that help."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local_cloud.errors import LocalCloudError
from local_cloud.flags_file import duration, read_flags_file


def written(folder: Path, text: str) -> Path:
    path = folder / "queue.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_values_keep_the_types_that_yaml_gives_them(tmp_path: Path) -> None:
    path = written(
        tmp_path, '--max-attempts: 8\n--min-backoff: 10s\n--log-sampling-ratio: 1.0\n--schedule: "0 * * * *"\n'
    )

    assert read_flags_file(path) == {
        "--max-attempts": 8,
        "--min-backoff": "10s",
        "--log-sampling-ratio": 1.0,
        "--schedule": "0 * * * *",
    }


@pytest.mark.parametrize("text", ["", "# nothing but a comment\n"])
def test_a_file_without_flags_has_none(tmp_path: Path, text: str) -> None:
    assert read_flags_file(written(tmp_path, text)) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("--max-attempts: [", "line 2"),
        ("- --max-attempts: 8\n", "must be a map"),
        ("eight\n", "must be a map"),
        ("max-attempts: 8\n", "'max-attempts'"),
        ("8: 8\n", "8 is not a gcloud flag"),
        ("--max-attempts: 8\n--max-attempts: 9\n", "line 2: --max-attempts is given twice"),
    ],
)
def test_what_is_no_flags_file_is_refused_by_name(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text + "\n")

    with pytest.raises(LocalCloudError) as refused:
        read_flags_file(path)

    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalCloudError, match=r"nowhere\.yaml cannot be read"):
        read_flags_file(tmp_path / "nowhere.yaml")


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "queue.yaml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(LocalCloudError, match=r"queue\.yaml cannot be read"):
        read_flags_file(path)


@pytest.mark.parametrize(
    ("written_as", "meant"),
    [
        ("10s", timedelta(seconds=10)),
        ("0s", timedelta()),
        ("0.1s", timedelta(milliseconds=100)),
        ("300s", timedelta(minutes=5)),
        ("1800s", timedelta(minutes=30)),
        ("5m", timedelta(minutes=5)),
        ("1h", timedelta(hours=1)),
        ("1h30m", timedelta(minutes=90)),
        ("2d", timedelta(days=2)),
    ],
)
def test_durations(written_as: str, meant: timedelta) -> None:
    assert duration(written_as, "--min-backoff") == meant


@pytest.mark.parametrize(
    "value", ["", "10", 10, 1.5, None, True, "ten seconds", "-10s", "10 s", "5m1h", "10ms", "s", "1" * 30 + "d"]
)
def test_what_is_no_duration_is_refused_with_its_flag(value: Any) -> None:
    with pytest.raises(LocalCloudError, match=r"^--min-backoff: "):
        duration(value, "--min-backoff")
