"""The email of a report, for all but this pipeline, which builds its own."""

import os

import requests

SECONDS = 20.0
"""How long the provider may take: as long as this pipeline gives it."""


def send_mail(report_id: str, **arguments: str) -> None:
    """Send the email of a report.

    Args:
        report_id: the report's.
        arguments: what the provider keeps beside the id.

    Raises:
        requests.RequestException: the provider has not answered that it accepts the email.
    """
    answer = requests.post(
        f"{os.environ['SENDGRID_HOST']}/v3/mail/send",
        json={
            "personalizations": [
                {"to": [{"email": "user@example.com"}], "custom_args": {"delivery_id": report_id, **arguments}}
            ],
            "from": {"email": os.environ["MAIL_FROM"]},
            "subject": f"Your report {report_id}",
            "content": [{"type": "text/plain", "value": "Your report."}],
        },
        headers={"Authorization": f"Bearer {os.environ['SENDGRID_API_KEY']}"},
        timeout=SECONDS,
    )
    answer.raise_for_status()
