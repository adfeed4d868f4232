"""The record of a delivery."""

from functions.shared.delivery import DeliveryState


def test_final_states() -> None:
    assert {state for state in DeliveryState if state.is_final} == {"sent", "skipped", "dead"}
