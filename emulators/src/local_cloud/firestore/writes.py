"""Writes: preconditions, masks and transforms, worked out first and stored together.

https://firebase.google.com/docs/firestore/reference/rpc/google.firestore.v1#write
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from google.protobuf.timestamp_pb2 import Timestamp

from local_cloud.firestore import fields, sizes, timestamps, transforms
from local_cloud.firestore.errors import already_exists, failed_precondition, invalid_argument, not_found
from local_cloud.firestore.messages import Document, Message, Write, WriteResult, verified_document
from local_cloud.firestore.paths import NAME, FieldPath, format_field_path, parse_field_path
from local_cloud.firestore.store import Database, Version
from local_cloud.firestore.usage import Usage

MAX_TRANSFORMS = 500
"""Field transforms of one document in one commit."""


@dataclass(slots=True)
class _Pending:
    """A document on its way through the writes of one commit."""

    stored: Message | None
    document: Message | None
    created: Timestamp | None
    updated: Timestamp | None
    transforms: int = 0
    changed: bool = False
    deleted: bool = False


@dataclass(slots=True)
class Commit:
    """The result of a commit.

    Attributes:
        time: when, in microseconds.
        results: a `WriteResult` for each write.
        versions: the documents' new versions.
    """

    time: int
    results: list[Message] = field(default_factory=list)
    versions: list[Version] = field(default_factory=list)


Changes = Mapping[str, tuple[Message | None, Message | None]]
"""Documents by their path: each as it is and as it is to be, None where there is none."""


def commit(
    database: Database,
    writes: Sequence[Message],
    usage: Usage,
    check: Callable[[Changes, int], None] | None = None,
) -> Commit:
    """Carry out all writes, or none.

    Args:
        database: where.
        writes: the writes.
        usage: where they are counted.
        check: given what is written and when, refuses it by an RpcError.

    Raises:
        RpcError: INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS or FAILED_PRECONDITION, for the first write in the way.
    """
    done = Commit(database.commit_time())
    now = timestamps.to_proto(done.time)
    if check is not None:
        check(_changes(database, writes, done.time, now), done.time)
    pending: dict[str, _Pending] = {}
    for write in writes:
        done.results.append(_apply(database, pending, write, done.time, now))
    for path, state in pending.items():
        if state.changed and (state.document is not None or state.stored is not None):
            done.versions.append(_store(database, path, state, done.time, now))
    for write in writes:
        match write.WhichOneof("operation"):
            case "delete":
                usage.deletes += 1
            case None:
                usage.reads += 1
            case _:
                usage.writes += 1
    return done


def _changes(database: Database, writes: Sequence[Message], time: int, now: Timestamp) -> Changes:
    """What writes would change: without preconditions, which tell whether there is a document."""
    pending: dict[str, _Pending] = {}
    written = [write for write in writes if write.WhichOneof("operation")]
    for write in written:
        unconditional = Write()
        unconditional.CopyFrom(write)
        unconditional.ClearField("current_document")
        _apply(database, pending, unconditional, time, now)
    return {path: (state.stored, state.document) for path, state in pending.items()}


def _store(database: Database, path: str, state: _Pending, time: int, now: Timestamp) -> Version:
    document = state.document
    if document is not None:
        document.create_time.CopyFrom(now if state.created is None else state.created)
        document.update_time.CopyFrom(now)
    return database.write(path, document, state.stored, time)


def _apply(database: Database, pending: dict[str, _Pending], write: Message, time: int, now: Timestamp) -> Message:
    operation = write.WhichOneof("operation")
    name = written_document(write)
    if operation is None and not name:
        raise invalid_argument("A write has no operation.")
    path = database.path_of(name)
    state = pending.get(path)
    if state is None:
        state = pending[path] = _load(database, path)
    if write.HasField("current_document"):
        _check_precondition(write.current_document, state, name, time, now)
    result = WriteResult()
    if operation is None:
        return result
    if operation != "update" and (write.HasField("update_mask") or write.update_transforms):
        raise invalid_argument("update_mask and update_transforms belong to an update.")
    if operation == "delete":
        state.changed = state.changed or state.document is not None
        state.document = state.created = state.updated = None
        state.deleted = True
        return result
    field_transforms = write.update_transforms
    if operation == "update":
        document = _updated(write, state.document)
    else:
        document = Document(name=name) if state.document is None else _copy(state.document)
        field_transforms = write.transform.field_transforms
        if not field_transforms:
            raise invalid_argument("A transform has no field_transforms.")
    state.transforms += len(field_transforms)
    if state.transforms > MAX_TRANSFORMS:
        raise invalid_argument(f"A commit can have at most {MAX_TRANSFORMS} field transforms of a document.")
    for transform in field_transforms:
        result.transform_results.append(transforms.apply(document, transform, now))
    fields.check_document(document)
    sizes.check(document, database.declared_indexes)
    if state.document is not None and _same(document, state.document):
        # A write that changes nothing leaves the update time as it is.
        result.update_time.CopyFrom(state.updated)
        return result
    state.document = document
    state.updated = now
    state.changed = True
    result.update_time.CopyFrom(now)
    return result


def written_document(write: Message) -> str:
    """The name of the document that a write is about; empty without an operation."""
    name: str = write.update.name or write.delete or write.transform.document or verified_document(write)
    return name


def _load(database: Database, path: str) -> _Pending:
    version = database.latest(path)
    if version is None or version.data is None:
        return _Pending(None, None, None, None)
    document = version.document()
    return _Pending(document, document, document.create_time, document.update_time)


def _copy(document: Message) -> Message:
    copied = Document()
    copied.CopyFrom(document)
    return copied


def _updated(write: Message, current: Message | None) -> Message:
    if not write.HasField("update_mask"):
        document = Document(name=write.update.name)
        document.MergeFrom(write.update)
        document.ClearField("create_time")
        document.ClearField("update_time")
        return document
    document = Document(name=write.update.name) if current is None else _copy(current)
    mask = list(map(parse_field_path, write.update_mask.field_paths))
    _check_mask(mask)
    for path in mask:
        value = fields.get(write.update.fields, path)
        if value is None:
            fields.remove(document.fields, path)
        else:
            fields.put(document.fields, path, value)
    return document


def _check_mask(paths: list[FieldPath]) -> None:
    """Refuse a mask that names a field twice, or the document's name.

    A field and one inside of it may both be named, as the web SDK does.
    """
    if NAME in paths:
        raise invalid_argument("The update_mask names __name__, which is no field of a document.")
    for path, next_path in pairwise(sorted(paths)):
        if path == next_path:
            raise invalid_argument(f"The update_mask names {format_field_path(path)} twice.")


def _same(left: Message, right: Message) -> bool:
    plain = Document(name=left.name)
    plain.MergeFrom(left)
    other = _copy(right)
    for document in (plain, other):
        document.ClearField("create_time")
        document.ClearField("update_time")
    return bool(plain == other)


def _check_precondition(precondition: Message, state: _Pending, name: str, time: int, now: Timestamp) -> None:
    kind = precondition.WhichOneof("condition_type")
    if kind == "exists":
        if precondition.exists and state.document is None and state.deleted:
            raise invalid_argument(f"An earlier write of the request deletes the document to update: {name}")
        if precondition.exists and state.document is None:
            raise not_found(f"No document to update: {name}")
        if not precondition.exists and state.document is not None:
            raise already_exists(f"Document already exists: {name}")
    elif kind == "update_time":
        if not timestamps.is_aligned(precondition.update_time):
            raise invalid_argument("The update_time of a precondition is not aligned to microseconds.")
        if timestamps.from_proto(precondition.update_time) > time:
            raise invalid_argument("The update_time of a precondition is in the future.")
        if state.updated is None or timestamps.from_proto(precondition.update_time) != timestamps.from_proto(
            state.updated
        ):
            raise failed_precondition(
                f"the stored version ({_version(state.updated)}) does not match the required base version "
                f"({_version(precondition.update_time)})."
            )


def _version(timestamp: Timestamp | None) -> int:
    return 0 if timestamp is None else timestamps.from_proto(timestamp)
