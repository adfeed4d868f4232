"""Answers of queries as JSON are what protobuf's own json_format makes of them."""

import json
from typing import Any

from google.cloud.firestore_v1.types import RunQueryResponse
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from local_cloud.firestore.query_json import to_json
from local_cloud_tests.firestore.unit import strategies

_MOMENTS = st.builds(strategies.timestamp, st.integers(0, 2**32), st.sampled_from([0, 1000, 123456]))


@given(st.none() | strategies.fields, st.none() | _MOMENTS, _MOMENTS, st.integers(0, 1))
def test_as_protobuf_has_it(fields: dict[str, Any] | None, created: Any, read: Any, skipped: int) -> None:
    response = RunQueryResponse.pb()(skipped_results=skipped, read_time=read.timestamp_value)
    if fields is not None:
        response.document.name = f"{strategies.ROOT}/c/a"
        for name, value in fields.items():
            response.document.fields[name].CopyFrom(value)
        if created is not None:
            response.document.create_time.CopyFrom(created.timestamp_value)
            response.document.update_time.CopyFrom(created.timestamp_value)
    assert json.loads(to_json(response)) == MessageToDict(response)
