"""Which reports may have been sent although a restored copy of Firestore does not say so."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.shared.delivery import Delivery, DeliveryState
from functions.shared.restored_copy import is_outdated

RESTORED = datetime(2026, 11, 24, 13, 30, tzinfo=UTC)
DUE = RESTORED - timedelta(minutes=30)
INSTANT = timedelta(microseconds=1)
PENDING = Delivery(id="d", state=DeliveryState.PENDING, version=RESTORED)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(None, id="not in the copy"),
        pytest.param(PENDING, id="waiting in the copy"),
        pytest.param(PENDING._replace(state=DeliveryState.SENDING), id="being sent in the copy"),
        pytest.param(PENDING._replace(failed_at=RESTORED - INSTANT), id="dead in the copy, and replayed since"),
    ],
)
def test_what_was_due_before_the_restore_may_have_been_sent(found: Delivery | None) -> None:
    assert is_outdated(found, due_at=DUE, restored_at=RESTORED)
    assert is_outdated(found, due_at=RESTORED - INSTANT, restored_at=RESTORED)
    assert not is_outdated(found, due_at=RESTORED, restored_at=RESTORED)
    assert not is_outdated(found, due_at=DUE, restored_at=None)


@pytest.mark.parametrize("state", [state for state in DeliveryState if state.is_final])
def test_what_the_copy_has_as_final_stays_so(state: DeliveryState) -> None:
    assert not is_outdated(PENDING._replace(state=state), due_at=DUE, restored_at=RESTORED)


def test_a_replay_of_what_was_given_up_since_is_a_persons_decision() -> None:
    assert not is_outdated(PENDING._replace(failed_at=RESTORED), due_at=DUE, restored_at=RESTORED)
