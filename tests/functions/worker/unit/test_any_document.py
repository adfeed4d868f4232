"""Whatever is in the documents that a report reads: there is a report."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.cloud.firestore_v1._helpers import GeoPoint
from google.cloud.firestore_v1.vector import Vector
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from functions.shared.records.subscription import Subscription
from functions.shared.records.user import User
from functions.shared.times.period import Period
from functions.shared.times.plausible_time import EARLIEST, LATEST
from functions.shared.times.schedule import Cadence
from functions.worker.compose import compose
from functions.worker.destinations.email.compliance import MailCompliance
from functions.worker.destinations.email.model import Mail, Sender
from functions.worker.destinations.email.sendgrid.request import to_request
from functions.worker.kind_settings import local_settings
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.kinds import kinds
from tests.functions.worker.unit.samples import ADA, subscription
from tests.functions.worker.unit.sendgrid_schema import MAIL_SEND
from tests.values import time_zones

VALIDATOR = jsonschema.Draft202012Validator(MAIL_SEND)
COMPLIANCE = MailCompliance(sender="reports@example.com", in_group=True)
SETTINGS = {kind: local_settings(kind) for kind in kinds()}
SENDER = Sender(address="reports@example.com", unsubscribe_group=7)

numbers = (
    st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.sampled_from([0.0, -0.0, 5e-324, 1e-6, 0.004, 1e15, -1e15, 1e16, 1e28, 1.7e308, 2**63 - 1, 10**400])
)
texts = st.text(st.characters(), max_size=200) | st.sampled_from(
    ["\ud800", "<%x%>", "{{ 7 }}", "%s {0} {name}", "https://evil.example", "x" * 5000, "\u202e\u200b\x00"]
)
times = st.datetimes(timezones=st.just(UTC)) | st.sampled_from(
    [
        datetime.min.replace(tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        DatetimeWithNanoseconds(2026, 11, 24, nanosecond=1, tzinfo=UTC),  # type: ignore[no-untyped-call]
    ]
)
plain = st.none() | st.booleans() | numbers | texts | times | st.binary(max_size=50) | st.builds(object)
others = st.builds(GeoPoint, st.floats(-90, 90), st.floats(-180, 180)) | st.builds(
    Vector, st.lists(st.floats(), max_size=3)
)
values = st.recursive(
    plain | others,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
ids = st.text(st.characters(exclude_characters="/"), min_size=1, max_size=80)


def documents(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Mapping[str, Mapping[str, Any]]]:
    """Documents in which each field is what it should be, or anything, or is not there."""
    anything = st.fixed_dictionaries({}, optional={name: should_be | values for name, should_be in fields.items()})
    return st.dictionaries(ids, anything, max_size=4)


@st.composite
def figures(draw: st.DrawFn, when: st.SearchStrategy[datetime], names: st.SearchStrategy[str]) -> Mapping[str, Any]:
    """Documents of figures in which each part is what it should be, or anything."""
    found: dict[str, Any] = {}
    for at in draw(st.lists(when, max_size=4)):
        cell = st.fixed_dictionaries({}, optional={"count": numbers, "sum": numbers, "fractional": st.booleans()})
        cells = st.dictionaries(names.map(lambda name: f"={name}") | texts, cell | values, max_size=3)
        slots = st.dictionaries(st.just(f"{at:%H}:{at.minute // 5 * 5:02}") | texts, cells | values, max_size=2)
        day = at.date().isoformat()
        document_id = day[: draw(st.sampled_from([7, 9, 10]))]
        found[document_id] = {"days": draw(st.fixed_dictionaries({day: slots | values}) | values)}
    return found


Case = tuple[User, Subscription, Period, InMemoryUserData]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    zone = draw(time_zones)
    cron = draw(st.sampled_from(["0 8 * * 1-5", "*/10 * * * *"]))
    locales = texts | st.sampled_from(["en", "ja", "en-US", "ar", "zz_ZZ", "en-u-x", "x" * 1000, "a\0b", ""])
    since = draw(times | values)
    user = User.from_fields(
        draw(ids),
        {
            **ADA,
            "name": draw(texts),
            "locale": draw(locales),
            "time_zone": zone,
            "event_figures_since": since,
            "usage_figures_since": since,
        },
    )
    asked = subscription(
        cadence=draw(st.sampled_from(Cadence)),
        hour=draw(st.integers(0, 23)),
        cron=cron,
        locale=draw(locales | st.none()),
        skip_empty=False,
    )
    schedule = asked.schedule(user)
    end = draw(st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001
    lengths = st.timedeltas(timedelta(microseconds=1), timedelta(days=400)) | st.just(end - EARLIEST)
    start = max(EARLIEST, end - draw(lengths))
    if draw(st.booleans()):
        end = schedule.at_or_before(end)
        start = max(EARLIEST, schedule.before(end))
        end = max(end, start + timedelta(microseconds=1))
    period = Period(start, end)
    when = st.datetimes(
        (start - (end - start) if start - EARLIEST > end - start else EARLIEST).replace(tzinfo=None),
        min(end + timedelta(days=1), LATEST).replace(tzinfo=None),
        timezones=st.just(UTC),
    )
    quota_ids = draw(st.lists(ids, min_size=1, max_size=3))
    quotas = st.fixed_dictionaries(
        {"allowed": numbers | values},
        optional={"name": texts | values, "unit": texts | values, "renews_on": st.integers(1, 31) | values},
    )
    data = InMemoryUserData(
        {
            "events": draw(documents(at=when, type=texts, amount=numbers)),
            "quotas": {quota_id: draw(quotas) for quota_id in quota_ids},
            "usage": draw(documents(at=when, quota=st.sampled_from(quota_ids), amount=numbers)),
            "event_figures": draw(figures(when, texts)),
            "usage_figures": draw(figures(when, st.sampled_from(quota_ids))),
        }
    )
    return user, asked, period, data


@pytest.mark.parametrize("kind", kinds())
@given(case=cases())
def test_there_is_a_report_and_sendgrid_can_take_it(kind: str, case: Case) -> None:
    user, asked, period, data = case
    with capture_logs():
        mail = compose(
            kind,
            user,
            asked,
            period,
            data,
            delivery_id="d1",
            run_id="r1",
            compliance=COMPLIANCE,
            settings=SETTINGS.get(kind),
        )
    assert isinstance(mail, Mail)
    request = to_request(mail, SENDER)
    VALIDATOR.validate(request)
    json.dumps(request).encode()
    (mail.text + mail.html + mail.subject + mail.recipients[0].name).encode()
