"""Listening: targets that are kept up to date while documents change.

https://firebase.google.com/docs/firestore/reference/rpc/google.firestore.v1#listenresponse

A stream answers in the order of commits. For each commit that touches one of its targets it sends the documents'
changes, then a target change without targets, which tells the client that it now has one consistent snapshot.
"""

import struct
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from local_cloud.firestore import query as queries
from local_cloud.firestore import timestamps
from local_cloud.firestore.errors import invalid_argument
from local_cloud.firestore.execution import Execution
from local_cloud.firestore.messages import ListenResponse, Message, TargetChange
from local_cloud.firestore.paths import split_parent
from local_cloud.firestore.query import Query
from local_cloud.firestore.store import RETENTION, Database, Version
from local_cloud.firestore.usage import Usage
from local_cloud.rpc import RpcError

_TOKEN = struct.Struct(">Q8s")
"""A time, and the incarnation of the database that knows it."""


class Target:
    """One thing that a stream listens to: a query, or documents by their names.

    Args:
        target_id: what the client calls it by.
        database: where.
        query: the query, None for documents.
        paths: the documents' paths, empty for a query.

    Attributes:
        time: the snapshot that the client has of it, in microseconds.
        matched: the documents that the client has of it, by path.
    """

    def __init__(self, target_id: int, database: Database, query: Query | None, paths: tuple[str, ...]) -> None:
        self.id = target_id
        self.time = 0
        self.matched: dict[str, Version] = {}
        self._database = database
        self._query = query
        self._paths = paths

    async def snapshot(self, time: int, usage: Usage) -> dict[str, Version]:
        """The documents that belonged to it at a time, in order."""
        if self._query is None:
            found = ((path, self._database.at(path, time)) for path in self._paths)
            return {path: version for path, version in found if version is not None}
        with Execution(self._database, self._query, time, usage) as execution:
            return {result.version.path: result.version async for result in execution.results()}

    async def change(self, versions: Iterable[Version], time: int, usage: Usage) -> dict[str, Version] | None:
        """The documents that belong to it after a commit, None if the commit changed nothing of it."""
        if self._query is None:
            touched = [version for version in versions if version.path in self._paths]
            if not touched:
                return None
        else:
            touched = [version for version in versions if self._touched_by(version)]
            if not touched:
                return None
            if self._query.limit is not None or self._query.offset:
                # A change of one document can move others in or out.
                return await self.snapshot(time, usage)
        now = dict(self.matched)
        for version in touched:
            if self._query is None or _accepted(self._query, version):
                if version.data is None:
                    now.pop(version.path, None)
                else:
                    now[version.path] = version
            else:
                now.pop(version.path, None)
        return now

    def name_of(self, path: str) -> str:
        """The full name of a document."""
        return f"{self._database.root}/{path}"

    def missing(self, now: dict[str, Version]) -> list[str]:
        """Of documents asked for by name, those that do not exist."""
        return [path for path in self._paths if path not in now]

    def _touched_by(self, version: Version) -> bool:
        assert self._query is not None  # noqa: S101 - for the type checker
        if not self._query.covers(version.collection.path):
            return False
        return version.path in self.matched or _accepted(self._query, version)


class ListenStream:
    """The targets of one stream, and the responses that follow from requests and commits.

    Args:
        usage: where documents that are sent are counted.
        check: refuses a query, or documents by their paths, that may not be listened to, by an RpcError.
    """

    def __init__(self, usage: Usage, check: Callable[[Database, Query | Sequence[str]], None]) -> None:
        self._usage = usage
        self._check = check
        self._targets: dict[int, Target] = {}
        self._last_id = 0
        self._assigns_ids = False

    async def request(self, request: Message, database: Database) -> AsyncIterator[Message]:
        """The responses to a request.

        Raises:
            RpcError: INVALID_ARGUMENT, it asks for nothing or for something that cannot be listened to.
        """
        match request.WhichOneof("target_change"):
            case "add_target":
                async for response in self._add(request.add_target, database):
                    yield response
            case "remove_target":
                if self._targets.pop(request.remove_target, None) is not None:
                    yield _target_change(TargetChange.REMOVE, [request.remove_target])
            case _:
                raise invalid_argument("A listen request has neither add_target nor remove_target.")

    async def commit(self, versions: list[Version], time: int) -> AsyncIterator[Message]:
        """The responses to a commit of some documents at a time."""
        changed = False
        for target in list(self._targets.values()):
            if time <= target.time:
                continue
            now = await target.change(versions, time, self._usage)
            target.time = time
            if now is None:
                continue
            for response in self._difference(target, now, time):
                changed = True
                yield response
        if changed:
            yield _target_change(TargetChange.NO_CHANGE, [], time, versions[0].collection.database)

    async def _add(self, added: Message, database: Database) -> AsyncIterator[Message]:
        target_id = added.target_id
        if target_id in self._targets:
            raise invalid_argument(f"Target ID {target_id} is already in use.")
        if target_id and self._assigns_ids:
            yield _refused(target_id, invalid_argument("The stream's targets get their IDs from the service."))
            return
        if not target_id:
            self._assigns_ids = True
            target_id = self._last_id = max([self._last_id, *self._targets]) + 1
        yield _target_change(TargetChange.ADD, [target_id])
        time = database.read_time()
        try:
            target = self._make_target(target_id, added, database)
            since = _resumed_at(added, database)
            if since is not None and time - RETENTION < since <= time:
                target.matched = await target.snapshot(since, Usage())
            elif since is not None:
                yield _target_change(TargetChange.RESET, [target_id])
                since = None
            now = await target.snapshot(time, self._usage)
        except RpcError as error:
            yield _refused(target_id, error)
            return
        target.time = time
        for response in self._difference(target, now, time, missing=since is None):
            yield response
        if since is not None:
            known = ListenResponse()
            known.filter.target_id = target_id
            known.filter.count = len(now)
            yield known
        self._targets[target_id] = target
        yield _target_change(TargetChange.CURRENT, [target_id], time, database)
        yield _target_change(TargetChange.NO_CHANGE, [], time, database)
        # A commit that came while the first snapshot was being sent has a later time, and waits in the stream's queue.
        if added.once:
            del self._targets[target_id]
            yield _target_change(TargetChange.REMOVE, [target_id], time, database)

    def _make_target(self, target_id: int, added: Message, database: Database) -> Target:
        if target_id < 0:
            raise invalid_argument(f"Target ID {target_id} is negative.")
        match added.WhichOneof("target_type"):
            case "query":
                _, parent = split_parent(added.query.parent)
                query = queries.parse(added.query.structured_query, parent=parent, root=database.root)
                if query.projection is not None:
                    raise invalid_argument("'select' clauses are not supported for real-time queries.")
                if query.nearest is not None:
                    raise invalid_argument("'findNearest' is not supported for real-time queries.")
                self._check(database, query)
                return Target(target_id, database, query, ())
            case "documents":
                paths = tuple(map(database.path_of, added.documents.documents))
                self._check(database, paths)
                return Target(target_id, database, None, paths)
            case _:
                raise invalid_argument("A target has neither a query nor documents.")

    def _difference(
        self, target: Target, now: dict[str, Version], time: int, *, missing: bool = False
    ) -> Iterable[Message]:
        before, target.matched = target.matched, now
        for path, old in before.items():
            if path not in now:
                yield _left(target.id, path, old, time)
        if missing:
            for path in target.missing(now):
                yield _deleted(target, path, time)
        for path, version in now.items():
            if before.get(path) is not version:
                self._usage.reads += 1
                response = ListenResponse()
                response.document_change.document.ParseFromString(version.data)
                response.document_change.target_ids.append(target.id)
                yield response


def _accepted(query: Query, version: Version) -> bool:
    if version.data is None:
        return False
    return query.accepts(version.document().fields, version.path_key) is not None


def _resumed_at(added: Message, database: Database) -> int | None:
    """The time up to which the client knows the target, None if it knows nothing of it; 0 if it knows what is gone.

    To say so is what Python's client needs after a restart: it answers a filter that does not fit by a stream that
    makes no callback (https://github.com/googleapis/google-cloud-python, watch.py).
    """
    match added.WhichOneof("resume_type"):
        case "resume_token":
            if len(added.resume_token) != _TOKEN.size:
                raise invalid_argument("The resume_token is not one of this service's.")
            time, incarnation = _TOKEN.unpack(added.resume_token)
            return time if incarnation == database.incarnation else 0
        case "read_time":
            return timestamps.from_proto(added.read_time)
        case _:
            return None


def _left(target_id: int, path: str, old: Version, time: int) -> Message:
    latest = old.collection.at(old.key, time)
    response = ListenResponse()
    name = f"{old.collection.database.root}/{path}"
    if latest is None:
        response.document_delete.document = name
        response.document_delete.removed_target_ids.append(target_id)
        response.document_delete.read_time.CopyFrom(timestamps.to_proto(time))
    elif latest is old:
        response.document_remove.document = name
        response.document_remove.removed_target_ids.append(target_id)
        response.document_remove.read_time.CopyFrom(timestamps.to_proto(time))
    else:
        response.document_change.document.ParseFromString(latest.data)
        response.document_change.removed_target_ids.append(target_id)
    return response


def _deleted(target: Target, path: str, time: int) -> Message:
    response = ListenResponse()
    response.document_delete.document = target.name_of(path)
    response.document_delete.removed_target_ids.append(target.id)
    response.document_delete.read_time.CopyFrom(timestamps.to_proto(time))
    return response


def _refused(target_id: int, error: RpcError) -> Message:
    """The end of a target that cannot be listened to."""
    response = _target_change(TargetChange.REMOVE, [target_id])
    response.target_change.cause.CopyFrom(error.to_status())
    return response


def _target_change(kind: int, ids: list[int], time: int = 0, database: Database | None = None) -> Message:
    """One with a token, where a time and the database are given."""
    response = ListenResponse()
    response.target_change.target_change_type = kind
    response.target_change.target_ids.extend(ids)
    if database is not None:
        response.target_change.resume_token = _TOKEN.pack(time, database.incarnation)
        response.target_change.read_time.CopyFrom(timestamps.to_proto(time))
    return response
