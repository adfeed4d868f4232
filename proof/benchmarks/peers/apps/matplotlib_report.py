"""The `activity` report as tutorials put it together: an HTTP function that a queue calls, Firestore's client, a chart
by Matplotlib as its own example for web servers draws it, and an email by SendGrid's helpers. A mark in Firestore, as
in tutorial.py, keeps a task that comes again from sending again.

https://cloud.google.com/tasks/docs/tutorial-gcf
https://matplotlib.org/stable/gallery/user_interfaces/web_application_server_sgskip.html
https://github.com/sendgrid/sendgrid-python/blob/main/use_cases/attachment.md
"""

import base64
import functools
import io
import os
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import functions_framework
from flask import Request
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter
from jinja2 import Environment
from matplotlib.figure import Figure
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import (
    Attachment,
    ContentId,
    Disposition,
    FileContent,
    FileName,
    FileType,
    Mail,
)

_HOURS = 24
_FEWEST_TO_DRAW = 3

_PAGE = Environment(autoescape=True).from_string(
    """<html><body>
<h1>Your activity</h1>
<p>Hello {{ name }}, {{ count }} events on {{ day }}, {{ before }} on the day before.</p>
{% if has_chart %}<img src="cid:chart" alt="Events by hour">{% endif %}
<table>{% for type, events in types %}<tr><td>{{ type }}</td><td>{{ events }}</td></tr>{% endfor %}</table>
</body></html>"""
)


@functions_framework.http
def send_report(request: Request) -> dict[str, str]:
    """Send a report, unless it is marked as sent. Any error makes the queue call again."""
    task = request.get_json()
    database = _database()
    mark = database.collection("sent_reports").document(task["delivery_id"])
    if not mark.get().exists:
        user = database.collection("users").document(task["user_id"])
        subscription = user.collection("report_subscriptions").document(task["subscription_id"])
        fields, end = user.get().to_dict(), datetime.fromisoformat(task["due_at"])
        if subscription.get().to_dict()["active"]:
            _send(fields, _events(user, end - timedelta(days=1)), _events(user, end), end)
        subscription.update({"next_report_at": end + timedelta(days=1)})
        mark.set({"sent": True})
    return {"result": "sent"}


def _events(user: Any, end: datetime) -> Sequence[dict[str, Any]]:
    """What the user did in the day before a moment."""
    query = (
        user.collection("events")
        .where(filter=FieldFilter("at", ">=", end - timedelta(hours=_HOURS)))
        .where(filter=FieldFilter("at", "<", end))
        .order_by("at")
    )
    return [snapshot.to_dict() for snapshot in query.stream()]


def _send(user: dict[str, Any], before: Sequence[Any], events: Sequence[dict[str, Any]], end: datetime) -> None:
    has_chart = len(events) >= _FEWEST_TO_DRAW
    mail = Mail(
        from_email=os.environ["MAIL_FROM"],
        to_emails=user["email"],
        subject=f"Your activity: {len(events)} events",
        html_content=_PAGE.render(
            name=user["name"],
            count=len(events),
            day=end.date(),
            before=len(before),
            types=Counter(event["type"] for event in events).most_common(),
            has_chart=has_chart,
        ),
    )
    if has_chart:
        mail.attachment = Attachment(
            FileContent(base64.b64encode(_chart(events, end)).decode()),
            FileName("chart.png"),
            FileType("image/png"),
            Disposition("inline"),
            ContentId("chart"),
        )
    SendGridAPIClient(os.environ["SENDGRID_API_KEY"], os.environ["SENDGRID_HOST"]).send(mail)


def _chart(events: Sequence[dict[str, Any]], end: datetime) -> bytes:
    per_hour = Counter(int((end - event["at"]).total_seconds() // 3600) for event in events)
    figure = Figure(figsize=(9.92, 3.2))
    axes = figure.subplots()
    axes.bar(range(_HOURS), [per_hour[_HOURS - 1 - hour] for hour in range(_HOURS)])
    axes.set_xlabel("hour")
    axes.set_ylabel("events")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


@functools.cache
def _database() -> Any:
    return firestore.Client(project=os.environ["GOOGLE_CLOUD_PROJECT"])
