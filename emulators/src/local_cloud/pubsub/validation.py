"""Refuses what Pub/Sub refuses, with its status codes, and fills in its defaults.

https://cloud.google.com/pubsub/quotas#resource_limits
https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1

Requests and settings are plain protobuf messages, which have no static types.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NoReturn
from urllib.parse import urlsplit

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import types

from local_cloud.pubsub.filters import InvalidFilter, parse_filter
from local_cloud.pubsub.names import check_name
from local_cloud.rpc import RpcError, has

MAX_REQUEST_BYTES = 10_000_000
MAX_MESSAGES = 1000
MAX_ATTRIBUTES = 100
MAX_ATTRIBUTE_KEY_BYTES = 256
MAX_ATTRIBUTE_VALUE_BYTES = 1024
MAX_ORDERING_KEY_BYTES = 1024
MAX_LABELS = 64
MAX_LABEL_CHARACTERS = 63

DEFAULT_ACK_DEADLINE_SECONDS = 10
DEFAULT_RETENTION = timedelta(days=7)
DEFAULT_DELIVERY_ATTEMPTS = 5
LEAST_EXPIRATION = timedelta(days=1)
"""https://cloud.google.com/pubsub/docs/subscription-properties#expiration_period"""

_MUTABLE = {
    "Topic": {
        "labels",
        "message_storage_policy",
        "kms_key_name",
        "schema_settings",
        "message_retention_duration",
        "ingestion_data_source_settings",
        "message_transforms",
    },
    "Subscription": {
        "push_config",
        "ack_deadline_seconds",
        "retain_acked_messages",
        "message_retention_duration",
        "labels",
        "expiration_policy",
        "dead_letter_policy",
        "retry_policy",
        "enable_exactly_once_delivery",
        "bigquery_config",
        "cloud_storage_config",
        "bigtable_config",
        "message_transforms",
    },
    "Snapshot": {"labels", "expire_time"},
}


def invalid(message: str) -> NoReturn:
    """Refuse an argument."""
    raise RpcError(grpc.StatusCode.INVALID_ARGUMENT, message)


def check_publish(request: Any) -> None:
    """Refuse a request to publish what Pub/Sub would not take.

    Raises:
        RpcError: INVALID_ARGUMENT.
    """
    if not request.messages:
        invalid("The value for message_count is too small. You passed 0 in the request, but the minimum value is 1.")
    _check_limit("message_count", len(request.messages), MAX_MESSAGES)
    _check_limit("request_size", request.ByteSize(), MAX_REQUEST_BYTES)
    if len({message.ordering_key for message in request.messages}) > 1:
        invalid("All messages of a publish request must have the same ordering key.")
    for message in request.messages:
        if not message.data and not message.attributes:
            invalid(
                "One or more messages in the publish request is empty. "
                "Each message must contain either non-empty data, or at least one attribute."
            )
        _check_limit("attribute_count", len(message.attributes), MAX_ATTRIBUTES)
        _check_limit("ordering_key_size", len(message.ordering_key.encode()), MAX_ORDERING_KEY_BYTES)
        for key, value in message.attributes.items():
            if not key or key.startswith("goog"):
                invalid(f'Invalid attribute key ("{key}"): it must not be empty or start with "goog".')
            _check_limit("attribute_key_size", len(key.encode()), MAX_ATTRIBUTE_KEY_BYTES)
            _check_limit("attribute_value_size", len(value.encode()), MAX_ATTRIBUTE_VALUE_BYTES)


def check_topic(config: Any) -> None:
    """Refuse a topic's settings.

    Raises:
        RpcError: INVALID_ARGUMENT; UNIMPLEMENTED for what would change the topic's messages.
    """
    if config.HasField("message_retention_duration"):
        _check_duration(
            "message_retention_duration", config.message_retention_duration, timedelta(minutes=10), timedelta(days=31)
        )
    check_labels(config.labels)
    if config.HasField("ingestion_data_source_settings"):
        _refuse_unimplemented("ingests from no other service")
    if config.message_transforms:
        _refuse_unimplemented("transforms no messages")


def fill_in_subscription(config: Any) -> None:
    """Fill in the defaults of a subscription's settings."""
    if config.ack_deadline_seconds == 0:
        config.ack_deadline_seconds = DEFAULT_ACK_DEADLINE_SECONDS
    if not config.HasField("message_retention_duration"):
        config.message_retention_duration.FromTimedelta(DEFAULT_RETENTION)
    if not config.HasField("expiration_policy"):
        config.expiration_policy.ttl.FromTimedelta(timedelta(days=31))
    if config.HasField("dead_letter_policy") and config.dead_letter_policy.max_delivery_attempts == 0:
        config.dead_letter_policy.max_delivery_attempts = DEFAULT_DELIVERY_ATTEMPTS
    config.state = types.Subscription.State.ACTIVE


def show_topic_retention(subscription: Any, topic: Any) -> None:
    """Show in a subscription's settings how long its topic keeps messages."""
    if topic.HasField("message_retention_duration"):
        subscription.topic_message_retention_duration.CopyFrom(topic.message_retention_duration)
    else:
        subscription.ClearField("topic_message_retention_duration")


def check_subscription(config: Any) -> None:
    """Refuse a subscription's settings, once the defaults are filled in.

    Raises:
        RpcError: INVALID_ARGUMENT; UNIMPLEMENTED for what would change or export its messages.
    """
    for export in ("bigquery_config", "cloud_storage_config", "bigtable_config"):
        if has(config, export):
            _refuse_unimplemented("exports to no other service")
    if config.message_transforms:
        _refuse_unimplemented("transforms no messages")
    check_labels(config.labels)
    check_ack_deadline(config.ack_deadline_seconds)
    _check_duration(
        "message_retention_duration", config.message_retention_duration, timedelta(minutes=10), timedelta(days=31)
    )
    if config.expiration_policy.HasField("ttl"):
        _check_least("expiration_policy.ttl", config.expiration_policy.ttl, LEAST_EXPIRATION)
    check_push_config(config.push_config)
    if config.HasField("retry_policy"):
        for name in ("minimum_backoff", "maximum_backoff"):
            if config.retry_policy.HasField(name):
                _check_duration(name, getattr(config.retry_policy, name), timedelta(), timedelta(seconds=600))
    if config.HasField("dead_letter_policy"):
        policy = config.dead_letter_policy
        check_name(policy.dead_letter_topic, "topics")
        if not 5 <= policy.max_delivery_attempts <= 100:
            invalid(f"Invalid max_delivery_attempts given ({policy.max_delivery_attempts}): it must be from 5 to 100.")
    try:
        parse_filter(config.filter)
    except InvalidFilter as error:
        invalid(f"Invalid filter given: {error}.")
    if config.push_config.push_endpoint and config.enable_exactly_once_delivery:
        invalid("enable_exactly_once_delivery is not supported for push subscriptions.")


def check_labels(labels: Mapping[str, str]) -> None:
    """Refuse labels that Google Cloud would not take.

    https://cloud.google.com/resource-manager/docs/labels-overview#requirements

    Raises:
        RpcError: INVALID_ARGUMENT.
    """
    _check_limit("label_count", len(labels), MAX_LABELS)
    for key, value in labels.items():
        if not _is_lower(key[:1]) or not _is_label(key) or not _is_label(value):
            invalid(
                f'Invalid label given ("{key}": "{value}"): keys start with a lowercase letter, and keys and values '
                f"have up to {MAX_LABEL_CHARACTERS} lowercase letters, digits, underscores and dashes."
            )


def _is_label(text: str) -> bool:
    return len(text) <= MAX_LABEL_CHARACTERS and all(
        character in "_-" or character.isdecimal() or _is_lower(character) for character in text
    )


def _is_lower(character: str) -> bool:
    """Whether it is a letter that is not uppercase: letters of scripts without cases are allowed."""
    return character.isalpha() and character == character.lower()


def check_push_config(config: Any) -> None:
    """Refuse a push endpoint that is not a URL, or an OIDC token without an account.

    Raises:
        RpcError: INVALID_ARGUMENT.
    """
    if config.push_endpoint:
        parts = urlsplit(config.push_endpoint)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            invalid(f'Invalid push endpoint given (endpoint={config.push_endpoint}). Use "https://" and a host name.')
    if config.HasField("oidc_token") and not config.oidc_token.service_account_email:
        invalid("The oidc_token of a push_config needs a service_account_email.")


def check_ack_deadline(seconds: int) -> None:
    """Refuse an ack deadline that a subscription or a stream may not have.

    Raises:
        RpcError: INVALID_ARGUMENT.
    """
    if not 10 <= seconds <= 600:
        invalid(f"Invalid ack deadline given (seconds={seconds}): it must be from 10 to 600.")


def check_deadline_modification(seconds: int) -> None:
    """Refuse a change of a lease's end that is out of range.

    Raises:
        RpcError: INVALID_ARGUMENT.
    """
    if not 0 <= seconds <= 600:
        invalid(f"Invalid ack deadline given (seconds={seconds}): it must be from 0 to 600.")


def check_update_mask(mask: FieldMask, config: Any) -> None:
    """Refuse an update that names no field, an unknown one, or one that cannot be changed.

    Raises:
        RpcError: INVALID_ARGUMENT.
    """
    kind = config.DESCRIPTOR.name
    if not mask.paths:
        invalid("The update_mask in the request must be set and must contain at least one path.")
    for path in mask.paths:
        if not FieldMask(paths=[path]).IsValidForDescriptor(config.DESCRIPTOR):
            invalid(f"Invalid update_mask provided in the request: {path} is not a field of {kind}.")
        if path.split(".")[0] not in _MUTABLE[kind]:
            invalid(f"Invalid update_mask provided in the request: {path} of a {kind} cannot be changed.")


def _refuse_unimplemented(what: str) -> NoReturn:
    raise RpcError(grpc.StatusCode.UNIMPLEMENTED, f"The local Pub/Sub {what}.")


def _check_limit(name: str, value: int, limit: int) -> None:
    if value > limit:
        invalid(
            f"The value for {name} is too large. You passed {value} in the request, but the maximum value is {limit}."
        )


def _check_duration(name: str, value: Any, least: timedelta, most: timedelta) -> None:
    duration = value.ToTimedelta()
    if not least <= duration <= most:
        invalid(
            f"Invalid {name} given ({duration.total_seconds():g} s): "
            f"it must be from {least.total_seconds():g} to {most.total_seconds():g} s."
        )


def _check_least(name: str, value: Any, least: timedelta) -> None:
    duration = value.ToTimedelta()
    if duration < least:
        invalid(
            f"Invalid {name} given ({duration.total_seconds():g} s): it must be at least {least.total_seconds():g} s."
        )
