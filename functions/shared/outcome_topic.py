"""The topic by which the team's application hears what became of reports.

Events are CloudEvents in the binary mode of their binding for Pub/Sub: the data are the message, and its attributes,
`ce-type` and the others, can be filtered by.
https://github.com/googleapis/google-cloudevents/blob/main/docs/spec/pubsub.md
"""

from google.api_core.exceptions import GoogleAPIError

from functions.shared.dead_letter_topic import TELL_TIMEOUT_SECONDS, publish
from functions.shared.records.outcome import Outcome

TYPE_PREFIX = "report-pipeline."
"""How the types of the events begin."""


class OutcomeNotTold(Exception):
    """Pub/Sub does not take an event, or gives no answer."""


class OutcomeTopic:
    """Publishes events. Safe for threads. The client is made with the first one.

    Args:
        project: the Google Cloud project's id.
        topic: the topic's id.
        database: the id of the Firestore database, by which the events of two pipelines of a project are told apart.
    """

    def __init__(self, project: str, topic: str, *, database: str) -> None:
        self._path = f"projects/{project}/topics/{topic}"
        self._source = f"//firestore.googleapis.com/projects/{project}/databases/{database}"

    def publish(self, outcome: Outcome) -> None:
        """Publish an event and wait until Pub/Sub has it.

        Raises:
            OutcomeNotTold: Pub/Sub refused it, failed, or gave no answer within TELL_TIMEOUT_SECONDS; it may have it.
        """
        attributes = {
            "ce-specversion": "1.0",
            "ce-id": outcome.id,
            "ce-source": self._source,
            "ce-type": TYPE_PREFIX + outcome.type,
            "ce-time": outcome.at.isoformat().replace("+00:00", "Z"),
            "ce-subject": outcome.subject,
            "content-type": "application/json",
        }
        try:
            publish(
                self._path,
                outcome.data.encode(),
                attributes,
                ordering_key=outcome.ordering_key,
                seconds=TELL_TIMEOUT_SECONDS,
            )
        except (GoogleAPIError, TimeoutError) as error:
            raise OutcomeNotTold(f"{type(error).__name__}: {error}") from error
