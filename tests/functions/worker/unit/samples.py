"""The mails that the kinds' samples make."""

from datetime import UTC, datetime

from functions.shared.period import Period
from functions.shared.schedule import Cadence
from functions.shared.user import User
from functions.worker.compose import compose
from functions.worker.mail.compliance import MailCompliance
from functions.worker.mail.model import Mail
from functions.worker.reports.in_memory_user_data import InMemoryUserData
from functions.worker.reports.kinds import sample

PERIOD = Period(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))


def mail_of_sample(kind: str, locale: str) -> Mail:
    """The mail of a kind, in a language."""
    document = {"email": "ada@example.com", "name": "Ada", "active": True, "locale": locale}
    user = User.from_document("u1", document, Cadence.DAILY)
    data = InMemoryUserData(sample(kind, PERIOD))
    return compose(
        kind, user, PERIOD, data, delivery_id="d1", run_id="r1", compliance=MailCompliance(domain="example.com")
    )
