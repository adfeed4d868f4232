"""The names of documents, runs and tasks: deterministic, so that making one twice makes it once."""

import contextlib
import functools
import hashlib
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator

from functions.shared.times.plausible_time import plausible


def is_document_id(value: str) -> bool:
    """Whether Firestore takes a text as the id of a document."""
    reserved = value in {".", ".."} or (value.startswith("__") and value.endswith("__"))
    return not reserved and "/" not in value and 1 <= len(value.encode()) <= 1500


def _document_id(value: str) -> str:
    if not is_document_id(value):
        raise ValueError("not a document id")
    return value


DocumentId = Annotated[str, AfterValidator(_document_id)]
"""A Firestore document id. https://firebase.google.com/docs/firestore/quotas#collections_documents_and_fields"""

KIND_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"

DEFAULT_DATABASE = "(default)"

DATABASE_PATTERN = r"^(\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9])$"
"""The ids of Firestore's databases. https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases/create"""

SHARDS = 30
"""How many shards the due index has: as many as one `in` filter of a query covers.

A query has at most 100 filters and orders, and in one of all shards each filter counts 30 times: two more beside the
shards' are possible, and cursors do not count. https://firebase.google.com/docs/firestore/query-data/queries#query_limitations"""

_LONGEST_OWNER = 1_450

_MALFORMED = ":malformed"

_NOT_IN_A_TASK_NAME = re.compile(r"[^A-Za-z0-9_-]")


def run_id(scheduled_for: datetime) -> str:
    """Name a run after the time that it was scheduled for: `20261124T1300Z`; seconds only where there are any."""
    return _compact(scheduled_for)


@functools.lru_cache(maxsize=1024)
def time_of_run(run: str) -> datetime | None:
    """The time that a run was scheduled for, from its id; None where the id is not a run's.

    Args:
        run: the id, as `run_id` makes it.
    """
    for pattern in ("%Y%m%dT%H%MZ", "%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S.%fZ"):
        with contextlib.suppress(ValueError):
            return plausible(datetime.strptime(run, pattern).replace(tzinfo=UTC))
    return None


def shard_of(user_id: str, subscription_id: str) -> int:
    """The shard of a subscription, 0 to 29, from a hash of its path: the first field of the due index.

    Due times rise together, and Firestore takes 500 writes a second to an index over such values.
    https://firebase.google.com/docs/firestore/solutions/shard-timestamp
    """
    digest = hashlib.sha256(f"{user_id}/{subscription_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % SHARDS


HELD = "held:"
"""How the shard of a subscription begins whose kind is paused."""

AFTER_HELD = "held;"
"""The first text after all that begin so."""

_HELD_SHARD = re.compile(rf"{HELD}[a-z0-9_]+:(\d\d?)")


def held_shard(kind: str, shard: int) -> str:
    """What a subscription has in the place of its shard while its kind is paused, `held:sales:17`: no run looks there
    for what is due. These are as many values as the due index has, and for the same reason.

    Args:
        kind: the kind.
        shard: the subscription's.
    """
    return f"{HELD}{kind}:{shard}"


def stored_shard(value: Any) -> int | None:
    """The shard of a subscription, 0 to 29, from what its document has, also while its kind is paused; None where that
    is not what the pipeline writes."""
    if isinstance(value, str) and (held := _HELD_SHARD.fullmatch(value)):
        value = int(held[1])
    return value if type(value) is int and 0 <= value < SHARDS else None


def delivery_id(user_id: str, subscription_id: str, due_at: datetime) -> str:
    """Name a delivery after its user, subscription and due time: `u42:default:20261124T1300Z`.

    Ids too long to carry the time within Firestore's 1,500 bytes are replaced by their SHA-256.
    """
    return f"{_owner(user_id, subscription_id)}:{_compact(due_at)}"


def malformed_letter_id(user_id: str, subscription_id: str = "") -> str:
    """Name the one dead letter of a malformed document: `u42:default:malformed` of a subscription, `u42:malformed` of
    a user.

    No delivery has this id, since those end with a time.
    """
    return f"{_owner(user_id, subscription_id)}{_MALFORMED}"


def is_of_malformed_document(letter_id: str) -> bool:
    """Whether a dead letter is that of a malformed document."""
    return letter_id.endswith(_MALFORMED)


def _owner(*ids: str) -> str:
    ids = tuple(filter(None, ids))
    owner = ":".join(ids)
    if "%" in owner or owner.count(":") >= len(ids):
        # Escaped, so that no two pairs of ids make the same text.
        owner = ":".join([each.replace("%", "%25").replace(":", "%3A") for each in ids])
    encoded = owner.encode()
    return owner if len(encoded) <= _LONGEST_OWNER else hashlib.sha256(encoded).hexdigest()


def task_id(delivery: str, salt: str = "") -> str:
    """Name the task of a delivery: a hash in front, then as much of delivery and salt as a task's name may hold.

    Names with a common prefix slow Cloud Tasks down, and a name is refused for up to 24 hours after its task ended:
    a second, wanted task for the same delivery gives a salt.
    https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks#Task.FIELDS.name

    Args:
        delivery: the delivery's id.
        salt: what sets this task apart from the delivery's others, such as the run that noticed its loss.
    """
    digest = hashlib.sha256(f"{delivery}\x00{salt}".encode()).hexdigest()[:24]
    return f"{digest}-{_shown(delivery)}-{_shown(salt)}" if salt else f"{digest}-{_shown(delivery)}"


def _shown(text: str) -> str:
    return _NOT_IN_A_TASK_NAME.sub("_", text)[:200]


@functools.lru_cache(maxsize=1024)
def _compact(moment: datetime) -> str:
    # Kept, since most reports of a run fell due at the same few moments.
    moment = moment.astimezone(UTC)
    if moment.microsecond:
        return moment.strftime("%Y%m%dT%H%M%S.%fZ")
    return moment.strftime("%Y%m%dT%H%M%SZ" if moment.second else "%Y%m%dT%H%MZ")
