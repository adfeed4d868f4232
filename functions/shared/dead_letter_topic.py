"""The topic to which the pipeline publishes dead letters and system alerts."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import structlog
from google.api_core.exceptions import (
    Aborted,
    Cancelled,
    GoogleAPIError,
    InternalServerError,
    ResourceExhausted,
    RetryError,
    ServiceUnavailable,
    Unknown,
)
from google.api_core.retry import Retry, if_exception_type

from functions.shared.clients import emulator_channel
from functions.shared.records.dead_letter import DeadLetter
from functions.shared.records.system_alert import SystemAlert

if TYPE_CHECKING:
    from google.pubsub_v1 import PublisherClient

PUBLISH_TIMEOUT_SECONDS = 15.0
"""How long to wait for Pub/Sub's answer: less than the dispatch deadline, so that the worker can still answer."""

TELL_TIMEOUT_SECONDS = 3.0
"""The same for a system alert: no report is lost with it, and a report or a run waits for this call."""

_PASSING = if_exception_type(Aborted, Cancelled, InternalServerError, ResourceExhausted, ServiceUnavailable, Unknown)
"""Errors after which the client publishes again at once. None of them says that Pub/Sub does not have the message.

These are the ones after which Google's own client does so by default, without DEADLINE_EXCEEDED, which here says that
the time is over. https://cloud.google.com/pubsub/docs/reference/error-codes
"""

_logger = structlog.get_logger()


@functools.cache
def publisher_client() -> "PublisherClient":
    """The plain client of the service, not the one of google.cloud.pubsub_v1 that collects messages into batches.

    The callers publish one dead letter at a time and wait for it, so batches would gain nothing. After a failed
    publish, that client also answers every further one with an AssertionError. The import waits until the first dead
    letter, which most processes never publish.
    """
    from google.pubsub_v1 import PublisherClient
    from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

    channel = emulator_channel("PUBSUB_EMULATOR_HOST")
    return PublisherClient(transport=PublisherGrpcTransport(channel=channel)) if channel else PublisherClient()


class DeadLetterTopic:
    """Publishes dead letters. The client is made with the first one.

    Args:
        project: the Google Cloud project's id.
        topic: the topic's id.
    """

    def __init__(self, project: str, topic: str) -> None:
        self._path = f"projects/{project}/topics/{topic}"

    def publish(self, letter: DeadLetter, *, task_name: str = "", retry_count: int = 0) -> None:
        """Publish a dead letter and wait until Pub/Sub has it.

        Args:
            letter: what failed and why.
            task_name: the task's name in Cloud Tasks, where there was a task.
            retry_count: how often the task had been retried.

        Raises:
            google.api_core.exceptions.GoogleAPIError: Pub/Sub refused it, or failed and may have it.
            TimeoutError: there was no answer within PUBLISH_TIMEOUT_SECONDS; Pub/Sub may have it.
        """
        attributes = {
            "reason": letter.reason.value,
            "CloudTasksTaskName": task_name,
            "CloudTasksTaskRetryCount": str(retry_count),
        }
        self._publish(letter.to_json(), attributes, PUBLISH_TIMEOUT_SECONDS)

    def tell(self, alert: SystemAlert) -> bool:
        """Publish a system alert. Raises nothing: where that fails, the log has the alert.

        Returns:
            whether Pub/Sub has it.
        """
        try:
            self._publish(alert.to_json(), {"alert": alert.alert.value}, TELL_TIMEOUT_SECONDS)
        except (GoogleAPIError, TimeoutError) as error:
            _logger.error(  # noqa: TRY400  the traceback is the library's own
                "alert_not_published",
                # The field that deployment/alert_policies/needs-a-person.json watches for.
                alert=alert.alert.value,
                run_id=alert.run_id,
                **({"delivery_id": alert.report.delivery_id} if alert.report else {}),
                detail=alert.detail,
                error=type(error).__name__,
            )
            return False
        return True

    def _publish(self, data: bytes, attributes: Mapping[str, str], seconds: float) -> None:
        publish(self._path, data, attributes, seconds=seconds)


def publish(topic: str, data: bytes, attributes: Mapping[str, str], *, ordering_key: str = "", seconds: float) -> None:
    """Publish a message and wait until Pub/Sub has it.

    Args:
        topic: its full name.
        data: the message.
        attributes: the message's.
        ordering_key: messages with the same key come in the order in which they were published; empty for none.
        seconds: how long it may take.

    Raises:
        google.api_core.exceptions.GoogleAPIError: Pub/Sub refused it, or failed and may have it.
        TimeoutError: there was no answer in time; Pub/Sub may have it.
    """
    from google.pubsub_v1 import PubsubMessage

    try:
        publisher_client().publish(
            topic=topic,
            messages=[PubsubMessage(data=data, attributes=attributes, ordering_key=ordering_key)],
            retry=Retry(predicate=_PASSING, initial=0.1, timeout=seconds),
            timeout=seconds,
        )
    except RetryError as error:
        raise TimeoutError(str(error)) from error
