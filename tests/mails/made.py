"""The emails that are looked at: of every kind, in every language, with much, little and nothing to report."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

from functions.shared.embedded_pictures import with_pictures
from functions.shared.mail.brand import Brand
from functions.shared.records.subscription import Subscription, SubscriptionDefaults
from functions.shared.records.user import User
from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence
from functions.worker.compose import compose
from functions.worker.destinations.email.compliance import MailCompliance
from functions.worker.destinations.email.model import Mail
from functions.worker.kind_settings import local_settings
from operations.kind_tests.looks import examples
from operations.kinds.kind_source import Source
from operations.kinds.new_kind import write_kind
from report_kit import kind_folders
from report_kit.in_memory_user_data import Documents, InMemoryUserData, Sample
from report_kit.kinds import kinds, sample
from report_kit.sample_amount import SampleAmount
from tests.kinds_elsewhere import kinds_in
from tests.mails.hebrew import TAG as HEBREW
from tests.support import REPOSITORY

LOCALES = ("en", "ja", HEBREW)
PERIOD = Period(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
COMPLIANCE = MailCompliance(
    sender="reports@example.com",
    postal_address="Example Inc., 1 Example Road, Example City",
    unsubscribe_url="https://example.com/unsubscribe?user={user_id}&token={token}",
    unsubscribe_key="0123456789abcdef",
)
BRAND = Brand(
    name="Example Cloud",
    url="https://app.example.com/",
    color="#7c3aed",
    font="Inter, Arial",
    font_url="https://example.com/inter.woff2",
)


@dataclass(frozen=True)
class Made:
    """An email, and what it is an example of."""

    name: str
    mail: Mail

    def page(self, *, pictures: bool = True) -> str:
        """The HTML part as a browser shows it.

        Args:
            pictures: whether there are any; many people see emails without.
        """
        shown = self.mail.with_link(self.mail.recipients[0].unsubscribe_url).html
        return with_pictures(shown, self.mail.images if pictures else ())


def all_made() -> list[Made]:
    """Every email of the kinds that are there, with the languages' catalogs as they are now."""
    return [
        Made(f"{kind}-{locale}-{amount}", mail_of(kind, sample(kind, PERIOD, amount), locale=locale))
        for kind, amount, locale in product(kinds(), SampleAmount, LOCALES)
        if list(examples(kind))
    ]


def made_from_sql(root: Path) -> list[Made]:
    """Every email of the kind that `./reports new --sql` writes.

    Args:
        root: an empty folder.
    """
    for folder in ("functions/shared/mail", "functions/preferences"):
        shutil.copytree(REPOSITORY / folder, root / folder)
    (root / "report_kit").mkdir()
    write_kind("tea", root, source=Source.SQLITE)
    with kinds_in(root / "kinds"):
        return [each for each in all_made() if each.name.startswith("tea-")]


def mail_of(kind: str, data: Documents | Sample, *, locale: str = "en", brand: Brand = BRAND, **fields: Any) -> Mail:
    """The email with a report, also where there is nothing to report.

    Args:
        kind: of the report.
        data: the user's, or a sample.
        locale: of the user.
        brand: whose email it is.
        fields: of the subscription.
    """
    asked: Mapping[str, Any] = {"cadence": "daily", "skip_empty": False, "cc": ["team@example.com"], **fields}
    mail = compose(
        kind,
        User.from_fields("u1", {"email": "ada@example.com", "name": "Ada", "active": True, "locale": locale}),
        Subscription.from_fields("u1", "s1", asked, SubscriptionDefaults(kind, Cadence.DAILY)),
        PERIOD,
        InMemoryUserData(*(data if isinstance(data, Sample) else Sample(data))),
        delivery_id="u1:s1:20261124T0000Z",
        run_id="20261124T0000Z",
        compliance=COMPLIANCE,
        settings=local_settings(kind, os.environ, kinds=kind_folders.folder()),
        brand=brand,
    )
    assert isinstance(mail, Mail)
    return mail
