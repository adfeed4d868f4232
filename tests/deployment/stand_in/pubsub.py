"""What Pub/Sub refuses of subscriptions, though its discovery document allows it.

https://docs.cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions
"""

from tests.deployment.stand_in.invalid import Invalid
from tests.deployment.stand_in.rest_request import Resource

_LIMITS = {
    ("ackDeadlineSeconds",): (10, 600),
    ("messageRetentionDuration",): (600, 2_678_400),
    ("retryPolicy", "minimumBackoff"): (0, 600),
    ("retryPolicy", "maximumBackoff"): (0, 600),
    ("deadLetterPolicy", "maxDeliveryAttempts"): (5, 100),
}


def check_subscription(state: Resource, subscription: Resource) -> None:
    """Check a subscription.

    Args:
        state: the project's.
        subscription: as it is to be.

    Raises:
        Invalid: the service refuses it.
        KeyError: what it names is not there.
    """
    for path, (least, most) in _LIMITS.items():
        value = subscription
        for key in path:
            value = value.get(key, {})
        if value and not least <= int(str(value).rstrip("s")) <= most:
            raise Invalid(f"Invalid {path[-1]}: {value}")
    if "ttl" in subscription.get("expirationPolicy", {}):
        raise Invalid("A subscription of the pipeline never expires.")
    named = [subscription["topic"]]
    if token := subscription.get("pushConfig", {}).get("oidcToken"):
        [project] = [name.split("/")[1] for name in named]
        named.append(f"projects/{project}/serviceAccounts/{token['serviceAccountEmail']}")
    if policy := subscription.get("deadLetterPolicy"):
        named.append(policy["deadLetterTopic"])
    for name in named:
        state["resources"][name]
