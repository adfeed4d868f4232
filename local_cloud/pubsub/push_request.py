"""A message as the body and headers of a push, and as the CloudEvent that Eventarc makes of it.

https://cloud.google.com/pubsub/docs/push#receive_push
https://cloud.google.com/eventarc/docs/cloudevents#pubsub
https://github.com/googleapis/google-cloudevents/issues/151 records what Eventarc really sends, such as both spellings
of the id and of the time.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local_cloud.pubsub.backlog import Delivery

EVENT_TYPE = "google.cloud.pubsub.topic.v1.messagePublished"

ACKNOWLEDGING = frozenset({102, 200, 201, 202, 204})
"""The answers that acknowledge a message; any other has it delivered again."""


@dataclass(frozen=True, kw_only=True)
class PushRequest:
    """What is POSTed to the endpoint."""

    headers: Mapping[str, str]
    body: bytes


def push_request(config: Any, delivery: Delivery, *, eventarc_topic: str | None = None) -> PushRequest:
    """Make the request that delivers a message.

    Args:
        config: the subscription.
        delivery: the message.
        eventarc_topic: the topic's full name, where Eventarc is to send a CloudEvent in binary content mode.
    """
    if config.push_config.HasField("no_wrapper"):
        return _unwrapped(config, delivery)
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "CloudPubSub-Google"}
    if eventarc_topic:
        headers |= {
            "User-Agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)",
            "ce-id": delivery.message.message_id,
            "ce-source": f"//pubsub.googleapis.com/{eventarc_topic}",
            "ce-specversion": "1.0",
            "ce-time": _timestamp(delivery.message.published_at),
            "ce-type": EVENT_TYPE,
        }
    return PushRequest(headers=headers, body=json.dumps(_wrapped(config, delivery)).encode())


def _wrapped(config: Any, delivery: Delivery) -> dict[str, Any]:
    message = delivery.message
    published_at = _timestamp(message.published_at)
    content: dict[str, Any] = {}
    if message.attributes:
        content["attributes"] = dict(message.attributes)
    if message.data:
        content["data"] = base64.b64encode(message.data).decode()
    content |= {
        "messageId": message.message_id,
        "message_id": message.message_id,
        "publishTime": published_at,
        "publish_time": published_at,
    }
    if message.ordering_key:
        content["orderingKey"] = message.ordering_key
    body: dict[str, Any] = {"message": content, "subscription": config.name}
    if config.HasField("dead_letter_policy"):
        body["deliveryAttempt"] = delivery.attempt
    return body


def _unwrapped(config: Any, delivery: Delivery) -> PushRequest:
    """https://cloud.google.com/pubsub/docs/payload-unwrapping"""
    message = delivery.message
    headers = {"Content-Type": "application/octet-stream", "User-Agent": "CloudPubSub-Google"}
    if config.push_config.no_wrapper.write_metadata:
        headers |= {
            "x-goog-pubsub-subscription-name": config.name,
            "x-goog-pubsub-message-id": message.message_id,
            "x-goog-pubsub-publish-time": _timestamp(message.published_at),
            **({"x-goog-pubsub-ordering-key": message.ordering_key} if message.ordering_key else {}),
            **message.attributes,
        }
    return PushRequest(headers=headers, body=message.data)


def _timestamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
