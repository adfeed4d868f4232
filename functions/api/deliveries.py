"""The calls about deliveries: which reports a user was to get, what came of each, and what was sent."""

from base64 import b64encode
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from functions.api.call import Api, Call, Reply
from functions.api.problem import Problem, missing
from functions.api.schemas import Copy, CopyFile, Delivery
from functions.shared.records.delivery import DELIVERIES
from functions.shared.records.delivery import Delivery as StoredDelivery
from operations.deliveries.deliveries import Deliveries, delivery_row
from operations.deliveries.delivery_filter import DeliveryFilter
from operations.deliveries.mail_records import MailRecords
from operations.deliveries.sent_copy import sent_copy
from operations.errors import NotFound


def list_deliveries(api: Api, call: Call) -> Reply:
    """A user's deliveries, the latest due time first."""
    wanted = DeliveryFilter(
        user_id=call.user_id,
        subscription_id=call.query.get("subscription_id", ""),
        state=call.state,
        since=call.time("since"),
        until=call.time("until"),
    )
    page = Deliveries(api.database).page(wanted, after=call.query.get("after"), limit=call.limit)
    return Reply({"deliveries": _rows(api, page.rows), "next": page.following})


def show_delivery(api: Api, call: Call) -> Reply:
    """A delivery."""
    [row] = _rows(api, [_delivery(api, call)])
    return Reply(row)


def show_copy(api: Api, call: Call) -> Reply:
    """What was sent, from the archive, whatever the data say today. In an email, the links by which its recipient
    changes or stops reports are the user's own."""
    found = _delivery(api, call)
    try:
        copy = sent_copy(api.archive, found)
    except NotFound as error:
        raise Problem(HTTPStatus.NOT_FOUND, str(error)) from error
    page = api.recipient_page(copy.user_id, copy.subscription_id)
    own = [page] if page else []
    files = [
        CopyFile(filename=each.filename, media_type=each.media_type, content=b64encode(each.content).decode())
        for each in copy.attachments
    ]
    html, text = copy.page(*own), copy.plain_text(*own)
    return Reply(Copy(subject=copy.subject, made_at=copy.made_at, html=html, text=text, files=files).model_dump())


def _delivery(api: Api, call: Call) -> StoredDelivery:
    delivery_id = call.ids["delivery_id"]
    found = StoredDelivery.from_snapshot(api.database.get(f"{DELIVERIES}/{delivery_id}"))
    if found is None or found.user_id != call.user_id:
        raise missing(f"delivery {delivery_id} of a user {call.user_id}")
    return found


def _rows(api: Api, deliveries: Sequence[StoredDelivery]) -> list[dict[str, Any]]:
    mails = MailRecords(api.database).of(deliveries)
    rows = [delivery_row(each, mails.get(each.id)) for each in deliveries]
    return [{name: row[name] for name in Delivery.model_fields} for row in rows]
