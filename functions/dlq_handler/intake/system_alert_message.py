"""Reads a system alert from a message of the dead letter topic."""

from pydantic import ValidationError

from functions.dlq_handler.intake.pubsub_message import PubSubMessage
from functions.shared.system_alert import SystemAlert

SYSTEM_ALERT_ATTRIBUTE = "alert"
"""The attribute of a system alert's message. A dead letter's message does not have it."""


def read_system_alert(message: PubSubMessage) -> SystemAlert | None:
    """Read a message; None where it is not a system alert, even if it has the attribute."""
    if SYSTEM_ALERT_ATTRIBUTE not in message.attributes:
        return None
    try:
        return SystemAlert.model_validate_json(message.data)
    except ValidationError:
        return None
