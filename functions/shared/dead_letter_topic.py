"""The topic that what cannot be sent is published to."""

import functools

from google.api_core import retry
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.types import BatchSettings

from functions.shared.models import DeadLetter

PUBLISH_TIMEOUT_SECONDS = 15.0
"""How long to wait for Pub/Sub's word. Short of the task's dispatch deadline, so that the worker can still answer."""


@functools.cache
def _publisher() -> PublisherClient:
    return PublisherClient(
        # A dead letter is published one at a time, by someone who waits for it: nothing is gained by collecting them.
        batch_settings=BatchSettings(max_messages=1),
    )


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
            google.api_core.exceptions.GoogleAPICallError: Pub/Sub refused it.
            TimeoutError: there was no answer within PUBLISH_TIMEOUT_SECONDS.
        """
        future = _publisher().publish(
            self._path,
            letter.to_json(),
            retry=retry.Retry(deadline=PUBLISH_TIMEOUT_SECONDS),
            timeout=PUBLISH_TIMEOUT_SECONDS,
            reason=letter.reason.value,
            CloudTasksTaskName=task_name,
            CloudTasksTaskRetryCount=str(retry_count),
        )
        future.result(timeout=PUBLISH_TIMEOUT_SECONDS)
