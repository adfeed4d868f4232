"""The topics of dead letters, with a subscription of the same name to each."""

from typing import Any

from deployment.engine.declared import Declared, Kind
from deployment.engine.policy import Grant
from deployment.resources.project import google_account
from deployment.settings import Settings

TOPIC = Kind(api="pubsub", version="v1", collection="projects.topics")
SUBSCRIPTION = Kind(api="pubsub", version="v1", collection="projects.subscriptions", masks_whole_fields=True)


def topics(settings: Settings) -> list[Declared]:
    signer = google_account(settings, "pubsub")[0]
    dead_letters = _topic(settings, settings.topic, _senders(settings))
    undeliverable = _topic(settings, settings.undeliverable, [signer])
    kept = {
        # As long as the handler's claim on an alert lasts (functions/dlq_handler/alerting/alert_policy.py).
        "ackDeadlineSeconds": 60,
        # 31 days, the most that there is.
        "messageRetentionDuration": "2678400s",
        "expirationPolicy": {"ttl": None},
    }
    keeping = _subscription(settings, undeliverable, {**kept, "pushConfig": {"pushEndpoint": None, "oidcToken": None}})
    url = settings.url("dlq-handler")
    pushed = {
        **kept,
        "pushConfig": {
            # functions-framework takes the topic's name from the path.
            "pushEndpoint": f"{url}/{dead_letters.name}",
            "oidcToken": {"serviceAccountEmail": settings.account("events"), "audience": url},
        },
        # The longest that Pub/Sub takes: 100 attempts end after nearly 16 hours.
        "retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "600s"},
        "deadLetterPolicy": {"deadLetterTopic": undeliverable.name, "maxDeliveryAttempts": 100},
    }
    # Pub/Sub takes a message out of the subscription when it forwards it.
    # https://cloud.google.com/pubsub/docs/dead-letter-topics
    forwarded = (Grant(role="roles/pubsub.subscriber", member=signer),)
    # First the one that takes what cannot be delivered: a message to a topic without a subscription is lost.
    pushing = _subscription(settings, dead_letters, pushed, grants=forwarded, after=(keeping.what,))
    return [undeliverable, keeping, dead_letters, pushing, *_outcomes(settings)]


def _outcomes(settings: Settings) -> list[Declared]:
    """The topic of outcomes, to which the team's application makes its own subscriptions."""
    if not settings.outcomes_topic:
        return []
    # The recipient's page and the DLQ handler keep what they tell for the next run.
    return [_topic(settings, settings.outcomes_topic, _senders(settings))]


def _senders(settings: Settings) -> list[str]:
    return [settings.member(name) for name in ("dispatcher", "worker", "mail-events") if name in settings.deployed]


def _topic(settings: Settings, name: str, publishers: list[str]) -> Declared:
    return Declared(
        what=f"topic {name}",
        kind=TOPIC,
        parent=f"projects/{settings.project_id}",
        id=name,
        fields={"kmsKeyName": settings.kms_key} if settings.kms_key else {},
        grants=tuple(Grant(role="roles/pubsub.publisher", member=member) for member in publishers),
        in_gcloud=f"pubsub topics {name}",
    )


def _subscription(
    settings: Settings,
    topic: Declared,
    fields: dict[str, Any],
    *,
    grants: tuple[Grant, ...] = (),
    after: tuple[str, ...] = (),
) -> Declared:
    name = topic.id
    return Declared(
        what=f"subscription {name}",
        kind=SUBSCRIPTION,
        parent=f"projects/{settings.project_id}",
        id=name,
        fields=fields,
        # It keeps the topic and the filter that it was made with, also once the topic is deleted.
        fixed={"topic": topic.name, "filter": None},
        if_other=(
            f"the subscription {name} is not one to the topic {name}, or has a filter.",
            f"When it is empty, delete it: gcloud pubsub subscriptions delete {name} --project={settings.project_id}",
        ),
        grants=grants,
        after=(topic.what, *after),
        in_gcloud=f"pubsub subscriptions {name}",
    )
