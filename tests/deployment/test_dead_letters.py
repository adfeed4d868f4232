"""The local cloud delivers dead letters by the same subscriptions as a deployment."""

from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.pubsub_v1 import SubscriberClient

from local_cloud.clock import Clock
from local_cloud.pubsub.server import PubSubEmulator
from local_pipeline.dead_letters import make_dead_letter_topics
from tests.deployment.conftest import PROJECT, FirstDeployment
from tests.deployment.test_deploy import DEAD_LETTERS, DOMAIN
from tests.support import Background


def test_the_local_cloud_has_the_subscriptions_of_a_deployment(
    first_deployment: FirstDeployment, background: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = first_deployment.state["resources"]
    emulator = PubSubEmulator(host="127.0.0.1", port=0, clock=Clock())
    background.run(emulator.start())
    try:
        host = f"127.0.0.1:{emulator.port}"
        handler_url = resources[DEAD_LETTERS]["pushConfig"]["oidcToken"]["audience"]
        background.run(
            make_dead_letter_topics(host, project=PROJECT, handler_url=handler_url, invoker=f"report-events@{DOMAIN}")
        )
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", host)
        with SubscriberClient() as subscriber:
            for name in (DEAD_LETTERS, f"projects/{PROJECT}/subscriptions/report-undeliverable"):
                local: dict[str, Any] = MessageToDict(subscriber.get_subscription(subscription=name)._pb)
                del local["state"]
                deployed = {key: value for key, value in resources[name].items() if value or key != "pushConfig"}
                assert local == deployed
    finally:
        background.run(emulator.stop())
