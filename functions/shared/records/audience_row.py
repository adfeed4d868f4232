"""What a row of a query says that names a kind's recipients: about a user, and about the user's subscription. Pure."""

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, Self

from functions.shared.records.ids import is_document_id
from functions.shared.records.subscription import ADDRESS_LISTS
from functions.shared.records.subscription_edit import EDITABLE
from functions.shared.times.schedule import Cadence

OF_USER = ("email", "name", "locale", "time_zone")
OF_SUBSCRIPTION = tuple(name for name in EDITABLE if name not in {*OF_USER, "kind", "deliver", "options"})
"""The columns there are, beside `id` and the kind's options."""

_LARGEST = 2**63


class AudienceRow(NamedTuple):
    """A row.

    Attributes:
        user_id: the recipient's; empty where it has none.
        said: fields of the user's document and of the subscription, as the documents have them.
        problem: why it names no recipient, without the value; empty where it names one.
    """

    user_id: str
    said: Mapping[str, Any] = {}
    problem: str = ""

    @classmethod
    def from_columns(
        cls, columns: Mapping[str, Any], base: Mapping[str, Any], options: Collection[str], *, cadence: Cadence
    ) -> Self:
        """Read a row. What is NULL or empty in it is as the file has it, or else as the documents' own defaults.

        Args:
            columns: the values by their names, as the database's driver has them.
            base: the file's defaults.
            options: the columns that are options of the kind.
            cadence: where neither names one.
        """
        given = {name: value for name, each in columns.items() if (value := _stored(name, each)) not in (None, "", [])}
        user_id = given.pop("id", None)
        if type(user_id) is int:
            user_id = str(user_id)
        if not isinstance(user_id, str) or not is_document_id(user_id):
            return cls("", problem="id: must be a text or a whole number that can be a document's id")
        said = {**base, **{name: value for name, value in given.items() if name not in options}}
        if chosen := {name: value for name, value in given.items() if name in options}:
            said["options"] = chosen
        said.setdefault("cadence", Cadence.CRON.value if "cron" in said else cadence.value)
        return cls(user_id, said)

    @property
    def of_user(self) -> dict[str, Any]:
        """What it says about the user."""
        return {name: value for name, value in self.said.items() if name in OF_USER}

    @property
    def of_subscription(self) -> dict[str, Any]:
        """What it says about the subscription."""
        return {name: value for name, value in self.said.items() if name not in OF_USER}


def _stored(name: str, value: Any) -> Any:
    """A value of a database as a document has it."""
    match value:
        case str():
            value = value.strip()
            return value.split() if name in ADDRESS_LISTS else value
        case Decimal():
            is_whole = value == value.to_integral_value() and abs(value) < _LARGEST
            return int(value) if is_whole else float(value)
        case bool() | int() | float() | bytes() | None:
            return value
        case list() | tuple():
            return [_stored("", each) for each in value]
        case date():
            return value.isoformat()
        case _:
            return str(value)
