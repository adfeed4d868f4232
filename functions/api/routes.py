"""The calls that there are: the table by which requests are carried out, and which the OpenAPI document is made of."""

from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from werkzeug.routing import Map, Rule

from functions.api import deliveries, subscriptions
from functions.api.call import Api, Call, Reply


class Route(NamedTuple):
    """A call that there is.

    Attributes:
        method: of HTTP.
        path: with the names of ids in braces.
        carry_out: what is done; its docstring is what the document says of it.
        gives: the schema of the answer; empty for no content.
        takes: the schema of the body; empty for none.
        status: of the answer.
        query: the names of what the address may say behind the path.
        changes: whether it changes a subscription, which an entity tag may name.
    """

    method: str
    path: str
    carry_out: Callable[[Api, Call], Reply]
    gives: str
    takes: str = ""
    status: HTTPStatus = HTTPStatus.OK
    query: tuple[str, ...] = ()
    changes: bool = False

    @property
    def name(self) -> str:
        """The id of the operation, such as `list_subscriptions`."""
        return self.carry_out.__name__

    @property
    def is_tagged_by_content(self) -> bool:
        """Whether the answer's entity tag is of its content. That of one subscription is its version."""
        return self.method == "GET" and self.gives != "Subscription"


_OF_USER = "/users/{user_id}"
_ALL = f"{_OF_USER}/subscriptions"
_ONE = f"{_ALL}/{{subscription_id}}"
_DELIVERIES = f"{_OF_USER}/deliveries"

ROUTES = (
    Route("GET", _ALL, subscriptions.list_subscriptions, "SubscriptionPage", query=("limit", "after")),
    Route("POST", _ALL, subscriptions.add_subscription, "Subscription", "NewSubscription", HTTPStatus.CREATED),
    Route("GET", _ONE, subscriptions.show_subscription, "Subscription"),
    Route("PATCH", _ONE, subscriptions.change_subscription, "Subscription", "SubscriptionChange", changes=True),
    Route("DELETE", _ONE, subscriptions.remove_subscription, "", status=HTTPStatus.NO_CONTENT, changes=True),
    Route("POST", f"{_ONE}/pause", subscriptions.pause_subscription, "Subscription", "Pause", changes=True),
    Route("POST", f"{_ONE}/resume", subscriptions.resume_subscription, "Subscription", changes=True),
    Route("POST", f"{_ONE}/stop", subscriptions.stop_subscription, "Subscription", changes=True),
    Route(
        *("POST", f"{_ONE}/send", subscriptions.send_report, "EnqueuedReport"),
        status=HTTPStatus.ACCEPTED,
        changes=True,
    ),
    Route("GET", f"{_ONE}/page", subscriptions.show_recipient_page, "RecipientPage"),
    Route(
        *("GET", _DELIVERIES, deliveries.list_deliveries, "DeliveryPage"),
        query=("limit", "after", "subscription_id", "state", "since", "until"),
    ),
    Route("GET", f"{_DELIVERIES}/{{delivery_id}}", deliveries.show_delivery, "Delivery"),
    Route("GET", f"{_DELIVERIES}/{{delivery_id}}/copy", deliveries.show_copy, "Copy"),
)

RULES = Map(
    [Rule(route.path.replace("{", "<").replace("}", ">"), methods=[route.method], endpoint=route) for route in ROUTES],
    # An id that is empty is none.
    merge_slashes=False,
)
"""Finds the route of a request."""
