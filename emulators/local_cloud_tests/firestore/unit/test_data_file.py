"""The file of documents keeps them, whatever they hold."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.errors import LocalCloudError
from local_cloud.firestore.data_file import read_documents, write_documents
from local_cloud.firestore.messages import Document
from local_cloud_tests.firestore.unit import strategies

_DATABASE = "projects/p/databases/(default)"


def _document(path: str, fields: dict[str, Any]) -> Any:
    document = Document(name=f"{_DATABASE}/documents/{path}")
    for name, value in fields.items():
        document.fields[name].CopyFrom(value)
    return document


_documents = st.dictionaries(
    st.sampled_from(["users/a", "users/é", "users/a/b/c"]), st.dictionaries(st.text(), strategies.values, max_size=4)
)


def _bytes(documents: list[Any]) -> list[bytes]:
    """NaN differs from itself, and a zero equals one with another sign; their bytes tell."""
    return sorted(document.SerializeToString(deterministic=True) for document in documents)


@given(_documents)
def test_what_is_written_is_read(content: dict[str, Any]) -> None:
    documents = [_document(path, fields) for path, fields in content.items()]

    text = write_documents({_DATABASE: documents})

    [(name, read)] = read_documents(text)
    assert name == _DATABASE
    assert _bytes(read) == _bytes(documents)
    assert write_documents({name: read[::-1]}) == text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "not JSON"),
        ("[]", "the file: not an object"),
        (f'{{"{_DATABASE}": []}}', r"\(default\): not an object"),
        (f'{{"{_DATABASE}": {{"users/u1": 1}}}}', "users/u1: not an object"),
        (f'{{"{_DATABASE}": {{"users/u1": {{"a": true}}}}}}', "users/u1, field a"),
        (f'{{"{_DATABASE}": {{"users/u1": {{"a": {{"boolean": true}}}}}}}}', "users/u1, field a.*boolean"),
    ],
)
def test_another_file_is_refused_by_its_place(text: str, problem: str) -> None:
    with pytest.raises(LocalCloudError, match=problem):
        list(read_documents(text))
