"""Google's tutorial made real: an HTTP function that a Cloud Tasks queue calls, and that sends an email by SendGrid
(https://cloud.google.com/tasks/docs/tutorial-gcf). It is made idempotent as Google shows it for a mail: a document in
Firestore says whether it was sent, which is checked before the email is sent and written after that
(https://cloud.google.com/blog/products/serverless/cloud-functions-pro-tips-building-idempotent-functions).
"""

import functools
import os
from typing import Any

import functions_framework
from flask import Request
from google.cloud import firestore

from proof.benchmarks.peers.apps.mail import send_mail


@functions_framework.http
def send_report(request: Request) -> str:
    """Send a report, unless it is marked as sent. Any error makes the queue call again."""
    report_id = request.get_json()["delivery_id"]
    mark = _database().collection("sent_reports").document(report_id)
    if not (mark.get().to_dict() or {}).get("sent"):
        send_mail(report_id)
        mark.set({"sent": True})
    return "sent"


@functools.cache
def _database() -> Any:
    return firestore.Client(project=os.environ["GOOGLE_CLOUD_PROJECT"])
