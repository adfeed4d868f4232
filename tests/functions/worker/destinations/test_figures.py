"""What a kind gives programs is what its schema says; what it gives people is in their language."""

import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from functions.shared.mail.brand import PLAIN, Brand
from functions.shared.records.deliver import Deliver, DestinationName
from functions.worker.compose import compose
from functions.worker.destinations.chat import card as chat
from functions.worker.destinations.parcel import Parcel
from functions.worker.destinations.slack import message
from functions.worker.destinations.teams import card as teams
from functions.worker.kind_settings import local_settings
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.kinds import sample
from report_kit.sample_amount import SampleAmount
from tests.functions.worker.unit.samples import COMPLIANCE, PERIOD, subscription, user
from tests.support import REPOSITORY


def made(kind: str, amount: SampleAmount, brand: Brand = PLAIN, **of: Any) -> Parcel:
    """The report of a kind's sample, for a user with these fields."""
    parcel = compose(
        kind,
        user(**of),
        subscription(skip_empty=False)._replace(deliver=Deliver(DestinationName.GCS, bucket="b")),
        PERIOD,
        InMemoryUserData(*sample(kind, PERIOD, amount)),
        delivery_id="d1",
        run_id="r1",
        compliance=COMPLIANCE,
        settings=local_settings(kind),
        brand=brand,
    )
    assert isinstance(parcel, Parcel)
    return parcel


@pytest.mark.parametrize("amount", [SampleAmount.NOTHING, SampleAmount.MUCH])
@pytest.mark.parametrize("kind", ["activity", "usage"])
def test_the_figures_of_a_kind_are_what_its_schema_says(kind: str, amount: SampleAmount) -> None:
    parcel = made(kind, amount)
    assert parcel.figures
    schema = json.loads((REPOSITORY / "kinds" / kind / "schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(parcel.figures, schema)
    assert "nsubscribe" not in parcel.html + parcel.text


@pytest.mark.parametrize(
    ("locale", "labels"), [("de", ["Ours öffnen", "Im Browser ansehen"]), ("ja", ["Oursを開く", "ブラウザーで表示"])]
)
def test_the_links_of_a_card_are_in_the_readers_language(locale: str, labels: list[str]) -> None:
    brand = Brand(name="Ours", url="https://app.example.com/")
    parcel = replace(made("activity", SampleAmount.MUCH, brand, locale=locale), copy_url="https://pages.example.com/")
    slack = json.dumps(message.blocks(parcel), ensure_ascii=False)
    for card in (slack, teams.body(parcel).decode(), chat.body(parcel).decode()):
        assert all(label in card for label in labels)
        assert "View in browser" not in card
