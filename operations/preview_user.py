"""For whom a preview is."""

from google.cloud import firestore

from functions.shared.schedule import Cadence
from functions.shared.user import InvalidUser, User
from operations import document_fields
from operations.errors import NotConfigured, NotFound, OperatorError
from operations.target import Target

SAMPLE_USER = User.from_document(
    "sample",
    {
        "email": "sample@example.com",
        "name": "Ada Lovelace",
        "active": True,
        "time_zone": "Europe/London",
        "report": {"cadence": "daily", "hour": 0},
    },
    Cadence.DAILY,
)
"""Somebody, where no user is named."""


def read_user(client: firestore.Client, user_id: str, target: Target) -> User:
    """A user, active or not, as the worker reads it.

    Raises:
        NotFound: there is no such user.
        NotConfigured: DEFAULT_CADENCE is none.
        OperatorError: the user's document is malformed.
        google.api_core.exceptions.GoogleAPIError: Firestore cannot be asked.
    """
    cadence = target.find("DEFAULT_CADENCE") or Cadence.HOURLY
    if cadence not in list(Cadence):
        raise NotConfigured(f"DEFAULT_CADENCE: {cadence!r} is not one of {', '.join(Cadence)}.")
    snapshot = client.collection("users").document(user_id).get()
    if not snapshot.exists:
        raise NotFound(f"There is no user {user_id}.")
    try:
        return User.from_document(user_id, document_fields.fields_of(snapshot), Cadence(cadence))
    except InvalidUser as error:
        raise OperatorError(f"users/{user_id}: {error}") from error
