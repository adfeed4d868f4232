"""Delivery of messages to HTTP endpoints.

https://cloud.google.com/pubsub/docs/push
"""

import asyncio
from collections.abc import Mapping

import aiohttp

from local_cloud.clock import Clock
from local_cloud.identity import MintToken
from local_cloud.pubsub.backlog import Delivery
from local_cloud.pubsub.push_request import ACKNOWLEDGING, push_request
from local_cloud.pubsub.subscriptions import Subscription

MAX_OUTSTANDING = 20
"""How many messages of a subscription are pushed at once. (Pub/Sub finds the number by how the endpoint does.)"""


class Pusher:
    """Pushes the messages of subscriptions that have an endpoint.

    Args:
        clock: what the time that an endpoint has for its answer, the ack deadline, is counted by.
        mint_token: signs the tokens that subscriptions ask for; None: pushes carry none.
    """

    def __init__(self, clock: Clock, mint_token: MintToken | None) -> None:
        self._clock = clock
        self._mint_token = mint_token
        self._session: aiohttp.ClientSession | None = None

    async def run(self, subscription: Subscription) -> None:
        """Push a subscription's messages for as long as it lives, whenever it has an endpoint."""
        async with asyncio.TaskGroup() as pushes:
            outstanding = 0

            def done(_task: "asyncio.Task[None]") -> None:
                nonlocal outstanding
                outstanding -= 1
                subscription.wake()

            while True:
                deliveries = []
                changed = subscription.changed()
                if subscription.push_endpoint and not subscription.config.detached and outstanding < MAX_OUTSTANDING:
                    # One at a time, so that an ordering key never has two under way.
                    deliveries = subscription.take(1)
                for delivery in deliveries:
                    outstanding += 1
                    pushes.create_task(self._push(subscription, delivery)).add_done_callback(done)
                if deliveries:
                    changed.close()
                else:
                    await changed

    async def stop(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    async def _push(self, subscription: Subscription, delivery: Delivery) -> None:
        request = push_request(subscription.config, delivery)
        headers = {**request.headers, **self._authorization(subscription)}
        answer = asyncio.create_task(self._post(subscription.push_endpoint, headers, request.body))
        deadline = asyncio.create_task(self._clock.sleep(subscription.ack_deadline.total_seconds()))
        try:
            await asyncio.wait([answer, deadline], return_when=asyncio.FIRST_COMPLETED)
            acknowledged = answer.done() and answer.result()
        finally:
            answer.cancel()
            deadline.cancel()
        if acknowledged:
            subscription.acknowledge([delivery.ack_id])
        else:
            subscription.modify_deadlines([delivery.ack_id], 0)

    def _authorization(self, subscription: Subscription) -> dict[str, str]:
        """https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions"""
        token = subscription.config.push_config.oidc_token
        if self._mint_token is None or not token.service_account_email:
            return {}
        audience = token.audience or subscription.push_endpoint
        return {"Authorization": f"Bearer {self._mint_token(token.service_account_email, audience)}"}

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> bool:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None))
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                return response.status in ACKNOWLEDGING
        except (aiohttp.ClientError, OSError, ValueError):  # ValueError: an attribute that no header can hold
            return False
