"""The calls that there are: the table by which requests are carried out, and which the OpenAPI document is made of."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import structlog
from werkzeug.exceptions import NotFound
from werkzeug.routing import Map, Rule

from functions.api import batch, deliveries, subscriptions
from functions.api.call import MOST_BATCH_BYTES, MOST_BODY_BYTES, Api, Call, Reply, wanted_versions
from functions.api.problem import Problem
from functions.shared.records.ids import is_document_id

_logger = structlog.get_logger()


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
        most_bytes: of the body.
    """

    method: str
    path: str
    carry_out: Callable[[Api, Call], Reply]
    gives: str
    takes: str = ""
    status: HTTPStatus = HTTPStatus.OK
    query: tuple[str, ...] = ()
    changes: bool = False
    most_bytes: int = MOST_BODY_BYTES

    @property
    def name(self) -> str:
        """The id of the operation, such as `list_subscriptions`."""
        return self.carry_out.__name__

    @property
    def is_in_batches(self) -> bool:
        """Whether a batch may have it: a change of a subscription, but for send."""
        return self.method != "GET" and self.gives in {"Subscription", ""}

    @property
    def is_tagged_by_content(self) -> bool:
        """Whether the ETag is a hash of the answer. That of one subscription is the subscription's version."""
        return self.method == "GET" and self.gives != "Subscription"


def find_route(path: bytes, method: str) -> tuple[Route, Mapping[str, str]]:
    """The route of a call, and the ids in its path.

    Args:
        path: as it is in the address, encoded.
        method: of HTTP.

    Raises:
        Problem: no call has this path. No id has a slash, or is not UTF-8.
        werkzeug.exceptions.MethodNotAllowed: there are others with this path.
    """
    nothing = Problem(HTTPStatus.NOT_FOUND, "There is nothing at this address.")
    if b"%2f" in path.lower() or not is_utf8(path):
        raise nothing
    try:
        route, ids = _urls.match(unquote_to_bytes(path).decode(), method)
    except NotFound:
        raise nothing from None
    if not all(map(is_document_id, ids.values())):
        raise nothing
    return route, ids


def is_utf8(encoded: bytes) -> bool:
    """Whether a part of an address is UTF-8 once it is decoded."""
    try:
        unquote_to_bytes(encoded).decode()
    except UnicodeDecodeError:
        return False
    return True


def carry_out(route: Route, api: Api, call: Call) -> Reply:
    """Carry out a call, and log what it has changed."""
    reply = route.carry_out(api, call)
    if route.method != "GET" and route.path != _BATCH:
        # As a whole the line would not show it, like any address.
        account = call.account.partition("@")[0]
        _logger.info("subscription_changed_by_api", account=account, operation=route.name, **call.ids)
    return reply


def change_subscriptions(api: Api, call: Call) -> Reply:
    """Carry out up to 100 changes of subscriptions, each as the call of its own that it stands for, and with an outcome
    of its own. Those of one user are carried out in their order; one that is refused stops no other."""

    def change(each: batch.Change) -> batch.Outcome:
        route, ids = find_route(each.path.encode(), each.method)
        if not route.is_in_batches:
            raise Problem(HTTPStatus.NOT_FOUND, "This is not a change of a subscription.")
        one = Call(ids, {}, each.body, wanted_versions(each.if_match), call.account)
        return batch.Outcome(status=route.status.value, body=carry_out(route, api, one).body)

    return batch.carry_out_all(call.body, change)


_BATCH = "/batch"
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
    Route("POST", _BATCH, change_subscriptions, "Outcomes", "Batch", most_bytes=MOST_BATCH_BYTES),
)

RULES = Map(
    [Rule(route.path.replace("{", "<").replace("}", ">"), methods=[route.method], endpoint=route) for route in ROUTES],
    # An id that is empty is none.
    merge_slashes=False,
)
"""Finds the route of a request."""

_urls = RULES.bind("")
