"""A valid request to send an email, to be spoilt by tests."""

import base64
from typing import Any

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n and so on").decode()


def valid_request(**changes: Any) -> dict[str, Any]:
    """Each key of `changes` replaces that of the request; None removes it."""
    request: dict[str, Any] = {
        "personalizations": [
            {
                "to": [{"email": "ann@example.com", "name": "Ann"}],
                "custom_args": {"delivery_id": "u1-20261124T1300Z"},
            }
        ],
        "from": {"email": "reports@example.com", "name": "Reports"},
        "subject": "Your daily report",
        "content": [
            {"type": "text/plain", "value": "Twelve events."},
            {"type": "text/html", "value": '<p>Twelve events.</p><img src="cid:chart">'},
        ],
        "attachments": [
            {
                "content": PIXEL,
                "type": "image/png",
                "filename": "chart.png",
                "disposition": "inline",
                "content_id": "chart",
            }
        ],
    }
    for key, value in changes.items():
        name = "from" if key == "from_" else key
        if value is None:
            del request[name]
        else:
            request[name] = value
    return request
