"""Every email provider."""

from collections.abc import Sequence

import pytest

from tests.functions.worker.destinations.email.provider_case import ProviderCase
from tests.functions.worker.destinations.email.resend_case import RESEND
from tests.functions.worker.destinations.email.sendgrid_case import SENDGRID
from tests.functions.worker.destinations.email.smtp_case import SMTP

CASES: Sequence[ProviderCase] = [SENDGRID, RESEND, SMTP]

each_provider = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.value)

by_recipient = pytest.mark.parametrize(
    "case", [case for case in CASES if not case.one_request], ids=lambda case: case.name.value
)
"""Those that take an email's messages one after the other."""
