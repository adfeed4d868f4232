"""The topics of dead letters as deploy.sh makes them: one that Pub/Sub pushes to the DLQ handler, and one for messages
that the handler never takes, which wait there for an operator.

https://cloud.google.com/pubsub/docs/push
https://cloud.google.com/pubsub/docs/dead-letter-topics
"""

import contextlib
from datetime import timedelta

from google.api_core.exceptions import AlreadyExists
from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import Subscription
from google.pubsub_v1.types import DeadLetterPolicy, ExpirationPolicy, PushConfig, RetryPolicy

from local_pipeline import clients

DEAD_LETTERS = "report-dead-letters"
UNDELIVERABLE = "report-undeliverable"
"""Each is a topic and its subscription, named as deploy.sh names them by default."""

MAX_DELIVERY_ATTEMPTS = 100
"""The most that Pub/Sub takes. The waits between them add up to 15 hours and 40 minutes."""

_RETENTION = Duration(seconds=31 * 24 * 3600)
"""The longest that Pub/Sub takes. https://cloud.google.com/pubsub/docs/subscription-properties"""


async def make_dead_letter_topics(
    host: str, *, project: str, handler_url: str, invoker: str, audience: str = "", dead_letters: str = DEAD_LETTERS
) -> None:
    """Make both topics and their subscriptions. What exists stays as it is.

    Args:
        host: `host:port` of Pub/Sub.
        project: the project's id.
        handler_url: the DLQ handler's address.
        invoker: the email address of the service account in the tokens.
        audience: that of the tokens; the handler's address where none is given.
        dead_letters: the id of the topic that is pushed, and of its subscription.
    """
    publisher, subscriber = clients.publisher(host), clients.subscriber(host)
    topic, undeliverable = (f"projects/{project}/topics/{name}" for name in (dead_letters, UNDELIVERABLE))
    pushed = Subscription(
        push_config=PushConfig(
            # functions-framework reads the topic, the event's source, from the path.
            push_endpoint=f"{handler_url}/{topic}",
            oidc_token=PushConfig.OidcToken(service_account_email=invoker, audience=audience or handler_url),
        ),
        retry_policy=RetryPolicy(minimum_backoff=timedelta(seconds=10), maximum_backoff=timedelta(minutes=10)),
        dead_letter_policy=DeadLetterPolicy(
            dead_letter_topic=undeliverable, max_delivery_attempts=MAX_DELIVERY_ATTEMPTS
        ),
    )
    for path, subscription in ((undeliverable, Subscription()), (topic, pushed)):
        subscription.name = path.replace("/topics/", "/subscriptions/")
        subscription.topic = path
        subscription.ack_deadline_seconds = 60
        subscription.message_retention_duration = _RETENTION
        subscription.expiration_policy = ExpirationPolicy()
        with contextlib.suppress(AlreadyExists):
            await publisher.create_topic(name=path)
        with contextlib.suppress(AlreadyExists):
            await subscriber.create_subscription(request=subscription)
