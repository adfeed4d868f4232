"""The tests' own clients of a local Pub/Sub."""

import pytest
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient


def pubsub_clients_of(port: int) -> tuple[PublisherClient, SubscriberClient]:
    """A publisher and a subscriber; the caller stops the one and closes the other.

    Args:
        port: where the local Pub/Sub listens.
    """
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{port}")
        return PublisherClient(), SubscriberClient()
