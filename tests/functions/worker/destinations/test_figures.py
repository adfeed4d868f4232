"""What a kind gives programs is what its schema says."""

import json

import jsonschema
import pytest

from functions.shared.records.deliver import Deliver, DestinationName
from functions.worker.compose import compose
from functions.worker.destinations.parcel import Parcel
from functions.worker.kind_settings import local_settings
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.kinds import sample
from report_kit.sample_amount import SampleAmount
from tests.functions.worker.unit.samples import COMPLIANCE, PERIOD, subscription, user
from tests.support import REPOSITORY


@pytest.mark.parametrize("amount", [SampleAmount.NOTHING, SampleAmount.MUCH])
@pytest.mark.parametrize("kind", ["activity", "usage"])
def test_the_figures_of_a_kind_are_what_its_schema_says(kind: str, amount: SampleAmount) -> None:
    parcel = compose(
        kind,
        user(),
        subscription(skip_empty=False)._replace(deliver=Deliver(DestinationName.GCS, bucket="b")),
        PERIOD,
        InMemoryUserData(*sample(kind, PERIOD, amount)),
        delivery_id="d1",
        run_id="r1",
        compliance=COMPLIANCE,
        settings=local_settings(kind),
    )
    assert isinstance(parcel, Parcel)
    assert parcel.figures
    schema = json.loads((REPOSITORY / "kinds" / kind / "schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(parcel.figures, schema)
    assert "nsubscribe" not in parcel.html + parcel.text
