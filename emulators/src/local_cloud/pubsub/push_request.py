"""A message as the body and headers of a push.

https://cloud.google.com/pubsub/docs/push#receive_push
https://github.com/GoogleCloudPlatform/functions-framework-python/issues/170 has a body as the service sends it, with
both spellings of the id and of the time.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local_cloud.pubsub.backlog import Delivery

ACKNOWLEDGING = frozenset({102, 200, 201, 202, 204})
"""The answers that acknowledge a message; any other has it delivered again."""


@dataclass(frozen=True, kw_only=True)
class PushRequest:
    """What is POSTed to the endpoint."""

    headers: Mapping[str, str]
    body: bytes


def push_request(config: Any, delivery: Delivery) -> PushRequest:
    """Make the request that delivers a message, without its token.

    Args:
        config: the subscription.
        delivery: the message.
    """
    if config.push_config.HasField("no_wrapper"):
        return _unwrapped(config, delivery)
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "CloudPubSub-Google"}
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
