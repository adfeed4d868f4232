"""The stored system alert: reading it, whatever its document holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.shared.records.system_alert import StoredSystemAlert

NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
SOUND = {
    "alert": "run-errors",
    "run_id": "r",
    "detail": "d",
    "figures": {"due": 3},
    "at": NOW,
    "cause": "system-run-errors",
    "received_at": NOW,
    "alerted_at": NOW,
    "alerts": {"slack": NOW},
}
READ = {"kind" if name == "alert" else name: value for name, value in SOUND.items()}


def test_a_sound_document_is_read_as_it_is() -> None:
    found = StoredSystemAlert.from_fields("a", SOUND, version=NOW)
    assert found == StoredSystemAlert(id="a", version=NOW, **READ)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SOUND)
@pytest.mark.parametrize("value", [None, 5, ["x"], datetime(1, 1, 1, tzinfo=UTC)])
def test_a_malformed_field_has_the_default(name: str, value: object) -> None:
    attribute = "kind" if name == "alert" else name
    default = getattr(StoredSystemAlert(id="a"), attribute)
    assert getattr(StoredSystemAlert.from_fields("a", SOUND | {name: value}), attribute) == default


def test_of_figures_and_alerts_what_is_sound_is_kept() -> None:
    mixed: dict[str, Any] = {"figures": {"due": 3, "odd": "x"}, "alerts": {"slack": NOW, "pager": "x"}}
    found = StoredSystemAlert.from_fields("a", SOUND | mixed)
    assert (found.figures, found.alerts) == ({"due": 3}, {"slack": NOW})


def test_it_needs_an_alert_until_all_channels_have_taken_one() -> None:
    assert StoredSystemAlert.from_fields("a", SOUND | {"alerted_at": None}).needs_alert
    assert not StoredSystemAlert.from_fields("a", SOUND | {"alerted_at": NOW + timedelta(1)}).needs_alert
