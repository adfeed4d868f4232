"""A user: a document that the team's application writes, in `users/{user_id}`. Its only field of the pipeline's own is
`enrolled_at`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field

from functions.shared.records.fields import A_LOCALE, A_TIME_ZONE, DocumentFields, MailAddress, TimeZone, TrueOrFalse
from functions.shared.times.plausible_time import plausible

USERS = "users"
"""The name of the collection."""

UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True, kw_only=True)
class User:
    """A person who gets reports. Each attribute has the name of the document's field, except `id`, `fields`, `problem`
    and `version`.

        >>> User(id="u42", name="Ada", time_zone=ZoneInfo("Europe/London")).locale
        'en'

    A field that is absent or malformed has the default.

    Attributes:
        id: the document's id.
        email: where the user's reports go. Your application must have verified it
            (docs/guides/python-reports.md#what-users-write).
        name: the user's name, up to 60 characters; emails leave it out if it contains `://`, `www.` or `@`.
        active: `false`: the user gets no reports. A string such as `"true"` is not `true`: the run's log names such
            users, and they get no reports.
        time_zone: a name of the IANA database, such as `Asia/Tokyo`.
        locale: BCP 47, such as `en` or `ja`.
        enrolled_at: when the dispatcher enrolled the user. Your application writes `null` for a new user.
        fields: the whole document, for the report.
        problem: what is wrong with the document: each malformed field and what it must be; empty where nothing is.
        version: the update time of the document, set by the server; None where the caller does not know it.
    """

    id: str
    email: Annotated[MailAddress, Field(description="an email address")] = ""
    name: Annotated[str, Field(description="a string")] = ""
    active: TrueOrFalse = True
    time_zone: Annotated[TimeZone, A_TIME_ZONE] = UTC_ZONE
    locale: Annotated[str, A_LOCALE] = "en"
    enrolled_at: datetime | None = None
    fields: Mapping[str, Any] = field(default_factory=dict, repr=False)
    problem: str = ""
    version: datetime | None = None

    @classmethod
    def from_snapshot(cls, snapshot: Any) -> "User | None":
        """Read a document, whatever is in it; None where there is no document.

        Args:
            snapshot: a FoundDocument of all fields.
        """
        fields = snapshot.fields
        return None if fields is None else cls.from_fields(snapshot.id, fields, version=snapshot.update_time)

    @classmethod
    def from_fields(cls, user_id: str, document: Mapping[str, Any], *, version: datetime | None = None) -> "User":
        """Read a document's fields, whatever they are.

        Args:
            user_id: the document's id.
            document: its fields.
            version: the update time of the document.
        """
        read, problem = _FIELDS.read(document, required=("email", "active"))
        enrolled_at = plausible(document.get("enrolled_at"))
        return cls(id=user_id, enrolled_at=enrolled_at, fields=document, problem=problem, version=version, **read)

    @property
    def problem_without_address(self) -> str:
        """What is wrong with the document but for its address, which only emails need."""
        return "; ".join(each for each in self.problem.split("; ") if not each.startswith("email: "))


_FIELDS = DocumentFields(User)

USER_MUST_BE = _FIELDS.must_be
"""What each field has to be, as docs/reference/documents.md says it."""


def enrolled_fields(*, now: datetime) -> dict[str, Any]:
    """The dispatcher has enrolled the user.

    Args:
        now: when, in UTC.
    """
    return {"enrolled_at": now}


def unenrolled_fields() -> dict[str, Any]:
    """The user is no longer active. Once the user is, the next run enrolls the user again."""
    return {"enrolled_at": None}
