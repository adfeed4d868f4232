"""A user as the team's application wrote it. Any field may be anything: what is wrong is named, never guessed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

from functions.shared.cron import CronLine
from functions.shared.ids import KIND_PATTERN
from functions.shared.plausible_time import plausible
from functions.shared.schedule import Cadence, Covers, Schedule

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

MUST_BE = {
    "email": "an e-mail address",
    "name": "a string",
    "active": "true or false",
    "time_zone": "a name of the IANA database, such as Asia/Tokyo",
    "locale": "a string, such as en or ja",
    "report": "a map",
    "report.cadence": f"{', '.join(list(Cadence)[:-1])} or {list(Cadence)[-1]}",
    "report.hour": "an integer from 0 to 23",
    "report.minute": "an integer from 0 to 59",
    "report.cron": "five cron fields that are due at some time, such as 0 8 * * 1-5",
    "report.covers": f"{' or '.join(Covers)}",
    "report.weekday": "monday to sunday, or an integer from 1 (Monday) to 7 (Sunday)",
    "report.day": "an integer from 1 to 31",
    "report.kind": "the name of a report, such as activity",
    "report.sandbox": "true or false",
    "next_report_at": "a timestamp between 1970 and 2200",
    "reported_until": "a timestamp between 1970 and 2200",
}
"""What each field has to be, as docs/configuration.md says it. A user's fields are an application's, and these texts
reach people who have never seen this code."""


def _time_zone(name: Any) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError):
        # OSError: a name that is a folder of the time zone database, such as "America".
        raise ValueError("not a time zone of the IANA database") from None


def _weekday(value: Any) -> Any:
    if isinstance(value, str) and value.lower() in _WEEKDAYS:
        return _WEEKDAYS.index(value.lower()) + 1
    return value


def _address(value: str) -> str:
    value = value.strip()
    if not value.isprintable() or value.count("@") != 1 or value.startswith("@") or value.endswith("@"):
        raise ValueError("not an e-mail address")
    return value


def _timestamp(value: Any) -> datetime:
    moment = plausible(value)
    if moment is None:
        raise ValueError("not a timestamp between 1970 and 2200")
    return moment


def _cron(value: Any, report: ValidationInfo) -> CronLine | None:
    if report.data.get("cadence") is not Cadence.CRON:
        return None
    if not isinstance(value, str):
        raise ValueError("not a string")  # noqa: TRY004  pydantic counts no TypeError
    return CronLine(value)


class _Report(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", arbitrary_types_allowed=True)

    cadence: Annotated[Cadence | None, Field(strict=False)] = None
    hour: Annotated[int, Field(ge=0, le=23)] = 8
    minute: Annotated[int, Field(ge=0, le=59)] = 0
    weekday: Annotated[int, BeforeValidator(_weekday), Field(ge=1, le=7)] = 1
    day: Annotated[int, Field(ge=1, le=31)] = 1
    cron: Annotated[CronLine | None, BeforeValidator(_cron), Field(validate_default=True)] = None
    covers: Annotated[Covers | None, Field(strict=False)] = None
    kind: Annotated[str, Field(pattern=KIND_PATTERN)] = "activity"
    sandbox: bool = False


class _Document(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", arbitrary_types_allowed=True)

    email: Annotated[str, AfterValidator(_address)]
    name: str = ""
    active: bool
    time_zone: Annotated[ZoneInfo, BeforeValidator(_time_zone)] = ZoneInfo("UTC")
    locale: str = "en"
    report: _Report = _Report()
    next_report_at: Annotated[datetime, BeforeValidator(_timestamp)] | None = None
    reported_until: Annotated[datetime, BeforeValidator(_timestamp)] | None = None


class InvalidUser(ValueError):
    """A user's document cannot be used. The message names each field that is wrong and what it must be, but not what
    it is.

    Attributes:
        schedule: the user's as far as it can be read, to move the user on by: a report that cannot be made must not
            keep its user due for ever.
    """

    def __init__(self, message: str, schedule: Schedule) -> None:
        super().__init__(message)
        self.schedule = schedule


@dataclass(frozen=True, kw_only=True)
class User:
    """One recipient of reports.

    Attributes:
        id: the document's id.
        email: where the report goes.
        name: how the user is called; empty where the application gave none.
        active: whether the user gets reports at all.
        time_zone: the user's own.
        locale: BCP 47.
        kind: which report.
        sandbox: whether SendGrid is to check the mails to this user and deliver none, as for a test user.
        schedule: when it is due.
        next_report_at: when the next one is due; None until the dispatcher has enrolled the user.
        reported_until: the end of the last period reported or given up, where there was one.
    """

    id: str
    email: str
    name: str
    active: bool
    time_zone: ZoneInfo
    locale: str
    kind: str
    sandbox: bool
    schedule: Schedule
    next_report_at: datetime | None
    reported_until: datetime | None

    @classmethod
    def from_document(cls, user_id: str, data: Mapping[str, Any], default_cadence: Cadence) -> "User":
        """Read a user's document. Optional fields that are null count as absent.

        Args:
            user_id: the document's id.
            data: its fields.
            default_cadence: for users whose document names none.

        Raises:
            InvalidUser: a field is missing or malformed.
        """
        fields = {key: value for key, value in data.items() if value is not None}
        if isinstance(fields.get("report"), dict):
            fields["report"] = {key: value for key, value in fields["report"].items() if value is not None}
        try:
            document = _Document.model_validate(fields)
        except ValidationError as error:
            raise InvalidUser(_describe(error), _usable_schedule(fields, default_cadence)) from None
        return cls(
            id=user_id,
            email=document.email,
            name=document.name,
            active=document.active,
            time_zone=document.time_zone,
            locale=document.locale,
            kind=document.report.kind,
            sandbox=document.report.sandbox,
            schedule=_schedule(document.report, document.time_zone, default_cadence),
            next_report_at=document.next_report_at,
            reported_until=document.reported_until,
        )


def _describe(error: ValidationError) -> str:
    """Say in one line what each field must be."""
    wrong = {
        ".".join(str(part) for part in item["loc"]): item["type"] == "missing"
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    }
    return "; ".join(
        f"{field}: {'is missing, and ' if is_missing else ''}must be {MUST_BE[field]}"
        for field, is_missing in wrong.items()
    )


def _schedule(report: _Report, time_zone: ZoneInfo, default_cadence: Cadence) -> Schedule:
    return Schedule(
        cadence=report.cadence or default_cadence,
        time_zone=time_zone,
        hour=report.hour,
        minute=report.minute,
        weekday=report.weekday,
        day=report.day,
        cron=report.cron,
        covers=report.covers,
    )


def _usable_schedule(fields: Mapping[str, Any], default_cadence: Cadence) -> Schedule:
    """The schedule, with defaults in the place of what cannot be read."""
    try:
        time_zone = _time_zone(fields.get("time_zone", "UTC"))
    except ValueError:
        time_zone = ZoneInfo("UTC")
    try:
        report = _Report.model_validate(fields.get("report", {}))
    except ValidationError:
        report = _Report()
    return _schedule(report, time_zone, default_cadence)
