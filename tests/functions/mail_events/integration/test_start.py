"""A function with a setting that is missing or malformed does not start, and says why in one line."""

from pathlib import Path

import pytest

from tests.function_process import last_words
from tests.functions.mail_events.signing import Signer
from tests.support import Background


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"SENDGRID_WEBHOOK_KEY": ","}, "SENDGRID_WEBHOOK_KEY: List should have at least 1 item"),
        (
            {"SENDGRID_WEBHOOK_KEY": f"{Signer().public_key}, MFkw"},
            "SENDGRID_WEBHOOK_KEY: key 2 is no public key",
        ),
        ({"MAIL_PROVIDER": "resend"}, "RESEND_WEBHOOK_SECRET: not set"),
        ({"MAIL_PROVIDER": "resend", "RESEND_WEBHOOK_SECRET": "whsec_x"}, "RESEND_WEBHOOK_SECRET: secret 1 is none"),
    ],
)
def test_the_reason_is_one_line(background: Background, tmp_path: Path, variables: dict[str, str], why: str) -> None:
    variables = {"GOOGLE_CLOUD_PROJECT": "p", "DEAD_LETTER_TOPIC": "t", "DEFAULT_KIND": "activity", **variables}
    line = last_words(background, name="mail_events", environment=variables, log_directory=tmp_path)
    assert line.startswith(f"Cannot start: {why}")
