"""The topic of outcomes, and a subscription of the same name, from which whoever wants to see them pulls."""

import contextlib

from google.api_core.exceptions import AlreadyExists
from google.pubsub_v1 import Subscription

from local_pipeline import clients


async def make_outcomes_topic(host: str, *, project: str, topic: str) -> None:
    """Make the topic and the subscription. What exists stays as it is.

    Args:
        host: `host:port` of Pub/Sub.
        project: the project's id.
        topic: the id of both.
    """
    path = f"projects/{project}/topics/{topic}"
    with contextlib.suppress(AlreadyExists):
        await clients.publisher(host).create_topic(name=path)
    name = path.replace("/topics/", "/subscriptions/")
    with contextlib.suppress(AlreadyExists):
        subscription = Subscription(name=name, topic=path, enable_message_ordering=True)
        await clients.subscriber(host).create_subscription(request=subscription)
