"""The calls about deliveries: which reports a user was to get, and what came of each."""

from collections.abc import Sequence
from typing import Any

from functions.api.call import Api, Call, Reply
from functions.api.problem import missing
from functions.api.schemas import Delivery
from functions.shared.records.delivery import DELIVERIES
from functions.shared.records.delivery import Delivery as StoredDelivery
from operations.deliveries.deliveries import Deliveries, delivery_row
from operations.deliveries.delivery_filter import DeliveryFilter
from operations.deliveries.mail_records import MailRecords


def list_deliveries(api: Api, call: Call) -> Reply:
    """A user's deliveries, the latest due time first."""
    wanted = DeliveryFilter(user_id=call.user_id, subscription_id=call.query.get("subscription_id", ""))
    page = Deliveries(api.database).page(wanted, after=call.query.get("after"), limit=call.limit)
    return Reply({"deliveries": _rows(api, page.rows), "next": page.following})


def show_delivery(api: Api, call: Call) -> Reply:
    """A delivery."""
    delivery_id = call.ids["delivery_id"]
    found = StoredDelivery.from_snapshot(api.database.get(f"{DELIVERIES}/{delivery_id}"))
    if found is None or found.user_id != call.user_id:
        raise missing(f"delivery {delivery_id} of a user {call.user_id}")
    [row] = _rows(api, [found])
    return Reply(row)


def _rows(api: Api, deliveries: Sequence[StoredDelivery]) -> list[dict[str, Any]]:
    mails = MailRecords(api.database).of(deliveries)
    rows = [delivery_row(each, mails.get(each.id)) for each in deliveries]
    return [{name: row[name] for name in Delivery.model_fields} for row in rows]
