"""The samples of kinds as what the local cloud's users have."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from local_cloud.errors import LocalCloudError
from local_pipeline.sample_documents import read_documents
from operations.projects.sample_documents import write_sample_documents
from tests.kinds_elsewhere import kinds_in

NOW = datetime(2026, 11, 24, 13, 20, tzinfo=UTC)


def write(file: Path, **samples: str) -> list[str]:
    """Write the documents of kinds with such a sample.py each; returns the mistakes."""
    for kind, text in samples.items():
        (file.parent / "kinds" / kind).mkdir(parents=True)
        (file.parent / "kinds" / kind / "__init__.py").write_text("def build(request): ...\n")
        (file.parent / "kinds" / kind / "sample.py").write_text(text)
    mistakes: list[str] = []
    with kinds_in(file.parent / "kinds"):
        write_sample_documents(file, now=NOW, on_mistake=mistakes.append)
    return mistakes


def test_users_have_what_the_samples_have(tmp_path: Path) -> None:
    sample = "def documents(period):\n    return {'notes': {'n1': {'at': period.end, 'tags': ['a'], 'sum': 1.5}}}\n"
    assert write(tmp_path / "documents.json", jotted=sample) == []
    assert read_documents(tmp_path / "documents.json")["notes"] == {"n1": {"at": NOW, "tags": ["a"], "sum": 1.5}}


def test_a_sample_that_cannot_be_made_is_named_and_the_others_stay(tmp_path: Path) -> None:
    fails, works = "def documents(period):\n    return 1 / 0\n", "def documents(period):\n    return {'a': {'b': {}}}\n"
    [mistake] = write(tmp_path / "documents.json", failing=fails, working=works)
    assert mistake == "The kind failing has no sample for the sample users: division by zero"
    assert read_documents(tmp_path / "documents.json")["a"] == {"b": {}}


def test_a_file_that_is_none_of_these_is_named(tmp_path: Path) -> None:
    (tmp_path / "documents.json").write_text("{")
    with pytest.raises(LocalCloudError, match=r"documents\.json cannot be read"):
        read_documents(tmp_path / "documents.json")
