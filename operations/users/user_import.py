"""Imports users with their subscriptions from a file, for those who have both in another system.

A line of a JSONL file is a user's document with `id`, and in `subscriptions` the fields of each by its id. A row of a
CSV file has a column for each field, and those of the subscription `default` begin with `report.`. Without
subscriptions a user gets `default`, as by enrollment.
"""

import csv
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from functions.shared.firestore.database import Database
from functions.shared.firestore.errors import ChangedMeanwhile
from functions.shared.firestore.write import Write, create
from functions.shared.records.ids import is_document_id
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION, SubscriptionDefaults, subscription_path
from functions.shared.records.subscription_edit import EDITABLE, InvalidEdit, SubscriptionEdit, added_fields
from functions.shared.records.user import USERS, User, enrolled_fields, unenrolled_fields
from operations.errors import OperatorError
from operations.subscriptions.subscription_args import can_be_stored

MOST_WRITES = 500
"""Of a commit. https://firebase.google.com/docs/firestore/quotas"""

_MOST_NAMED = 20
_OF_SUBSCRIPTION = "report."
_NUMBERS, _LISTS = frozenset({"hour", "minute", "day", "weekday"}), frozenset({"to", "cc"})
_WORDS = {"true": True, "false": False}


@dataclass(frozen=True)
class NewUser:
    """A user of the file.

    Attributes:
        writes: of the user's document first, and of each subscription's. They are in one commit: who is there is there
            whole.
    """

    id: str
    writes: Sequence[Write]


class Imported(NamedTuple):
    """What came of an import.

    Attributes:
        there_already: how many users were left as they are, since they are there.
        subscriptions_there_already: how many subscriptions of new users were left as they are. They are of users with
            the same ids who are gone, and have what is known of them, such as who objects.
    """

    imported: int = 0
    subscriptions: int = 0
    there_already: int = 0
    subscriptions_there_already: int = 0


def read_users(
    file: Path, defaults: SubscriptionDefaults, *, kinds: Collection[str], now: datetime
) -> Sequence[NewUser]:
    """Read a file, and check all of it.

    Args:
        file: its name ends with `.jsonl` or `.csv`.
        now: the present, in UTC: users are enrolled now, and reports are due later.

    Raises:
        OperatorError: the file cannot be read, or has mistakes. The text names their lines, and no value.
    """
    users: dict[str, NewUser] = {}
    mistakes = []
    try:
        for line, row in _rows(file):
            try:
                user = _new_user(row, defaults, kinds, now)
            except InvalidEdit as error:
                mistakes.append(f"{file}:{line}: {error}")
                continue
            if user.id in users:
                mistakes.append(f"{file}:{line}: id: is there twice")
            users[user.id] = user
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OperatorError(f"{file} cannot be read: {error}") from error
    if mistakes:
        more = [f"… and {len(mistakes) - _MOST_NAMED:,} more"] if len(mistakes) > _MOST_NAMED else []
        raise OperatorError(f"{'; '.join([*mistakes[:_MOST_NAMED], *more])}. Nothing was written.")
    return list(users.values())


def import_users(
    database: Database, users: Sequence[NewUser], *, dry_run: bool, advance: Callable[[int], None]
) -> Imported:
    """Write the users who are not there yet. To go on after an interruption, call it again.

    Args:
        dry_run: whether to count alone.
        advance: is told how many more users are done.

    Raises:
        OperatorError: another program makes such users all the time.
        google.api_core.exceptions.GoogleAPICallError: Firestore does not answer, or refuses.
    """
    done = Imported()
    for batch in _batches(users):
        try:
            of_batch = _import_batch(database, batch, dry_run=dry_run)
        except ChangedMeanwhile as error:
            raise OperatorError(
                "Another program makes such users all the time. Import the file again: it goes on."
            ) from error
        done = Imported(*map(sum, zip(done, of_batch, strict=True)))
        advance(len(batch))
    return done


def _import_batch(database: Database, batch: Sequence[NewUser], *, dry_run: bool) -> Imported:
    def turn() -> tuple[Imported, list[Write]]:
        found = database.get_all([write.path for user in batch for write in user.writes], fields=["active"])
        new = [user for user in batch if not found[user.writes[0].path].exists]
        writes = []
        for user in new:
            document, *subscriptions = user.writes
            missing = [write for write in subscriptions if not found[write.path].exists]
            if len(missing) < len(subscriptions):
                # The next run enrolls the user: it resumes what is paused since the user of this id was gone.
                document = create(document.path, {**(document.fields or {}), **unenrolled_fields()})
            writes += [document, *missing]
        made = len(writes) - len(new)
        wanted = sum(len(user.writes) - 1 for user in new)
        return Imported(len(new), made, len(batch) - len(new), wanted - made), [] if dry_run else writes

    return database.until_written(turn)


def _rows(file: Path) -> Iterator[tuple[int, Any]]:
    """The users of a file, each with its line."""
    match file.suffix:
        case ".jsonl":
            with file.open(encoding="utf-8-sig") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        yield number, _json(line)
        case ".csv":
            with file.open(encoding="utf-8-sig", newline="") as text:
                reader = csv.DictReader(text)
                for row in reader:
                    yield reader.line_num, _of_columns(row)
        case _:
            raise OperatorError(f"{file}: the name ends with neither .jsonl nor .csv.")


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _of_columns(row: Mapping[Any, Any]) -> Any:
    """A row of a CSV file as a line of a JSONL file has it; what is empty is left out."""
    if None in row or None in row.values():
        return None
    given = {name: value.strip() for name, value in row.items() if value.strip()}
    user = {name: value for name, value in given.items() if not name.startswith(_OF_SUBSCRIPTION)}
    if "active" in user:
        user["active"] = _WORDS.get(user["active"], user["active"])
    asked = {
        name.removeprefix(_OF_SUBSCRIPTION): _typed(name.removeprefix(_OF_SUBSCRIPTION), value)
        for name, value in given.items()
        if name.startswith(_OF_SUBSCRIPTION)
    }
    return {**user, "subscriptions": {DEFAULT_SUBSCRIPTION: asked}}


def _typed(name: str, text: str) -> Any:
    if name in _LISTS:
        return text.split()
    if name in _NUMBERS and text.isascii() and text.isdigit():
        return int(text)
    return _WORDS.get(text, text)


def _new_user(row: Any, defaults: SubscriptionDefaults, kinds: Collection[str], now: datetime) -> NewUser:
    if not isinstance(row, dict):
        raise InvalidEdit("is no JSON object, or has another number of cells than the header")
    if not can_be_stored([row], depth=0):
        raise InvalidEdit("has a name or a value that Firestore cannot hold, such as a list within a list")
    document = {"active": True, **row}
    user_id, asked = document.pop("id", None), document.pop("subscriptions", {DEFAULT_SUBSCRIPTION: {}})
    if not isinstance(user_id, str) or not is_document_id(user_id):
        raise InvalidEdit("id: must be a text that Firestore takes as a document's id")
    document |= enrolled_fields(now=now)
    user = User.from_fields(user_id, document)
    if user.problem:
        raise InvalidEdit(user.problem)
    if not isinstance(asked, dict) or not all(isinstance(each, dict) for each in asked.values()):
        raise InvalidEdit("subscriptions: must be an object with an object for each subscription")
    writes = [create(f"{USERS}/{user_id}", document)]
    for subscription_id, fields in asked.items():
        if not is_document_id(subscription_id):
            raise InvalidEdit("subscriptions: has a name that is no document's id")
        if unknown := sorted(fields.keys() - set(EDITABLE)):
            raise InvalidEdit(f"{subscription_id}: unknown or not yours to set: {', '.join(unknown)}")
        try:
            made = added_fields(user, subscription_id, SubscriptionEdit(fields=fields), defaults, now=now)
        except InvalidEdit as error:
            raise InvalidEdit(f"{subscription_id}: {error}") from error
        if made["kind"] not in kinds:
            raise InvalidEdit(f"{subscription_id}: kind: no kind has this name; there are {', '.join(kinds)}")
        writes.append(create(subscription_path(user_id, subscription_id), made))
    if len(writes) > MOST_WRITES:
        raise InvalidEdit("subscriptions: are more than fit into one commit")
    return NewUser(user_id, writes)


def _batches(users: Sequence[NewUser]) -> Iterator[list[NewUser]]:
    """As many users as fit into a commit."""
    batch: list[NewUser] = []
    room = MOST_WRITES
    for user in users:
        if len(user.writes) > room:
            yield batch
            batch, room = [], MOST_WRITES
        batch.append(user)
        room -= len(user.writes)
    if batch:
        yield batch
