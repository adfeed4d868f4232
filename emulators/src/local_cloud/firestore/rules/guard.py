"""Holds the requests of clients against the rules.

Who a client is, its token says: as those of Google's emulator it needs no signature. Server libraries call an emulator
as its owner, to whom rules do not apply; a client without a token is a stranger.
https://firebase.google.com/docs/rules/emulator-setup
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc

from local_cloud.firestore.messages import Message
from local_cloud.firestore.query import Query
from local_cloud.firestore.rules.kinds import LatLng, Path, RulesError, Timestamp
from local_cloud.firestore.rules.ruleset import Access, AnyPath, Ruleset
from local_cloud.firestore.rules.unknown import Unknown, UnknownField
from local_cloud.firestore.store import Database
from local_cloud.firestore.writes import Changes
from local_cloud.rpc import RpcError

OWNER = "owner"
"""The token of who may do everything."""

_MAX_LOOKS = 10
"""Documents that rules may look at for one document: https://firebase.google.com/docs/firestore/quotas#security_rules"""


@dataclass(frozen=True)
class Caller:
    """A client that rules apply to.

    Attributes:
        auth: its `uid` and `token`; None for a stranger.
    """

    auth: Mapping[str, Any] | None


class Guard:
    """Refuses what no rule allows.

    Args:
        ruleset: the rules.
        now: the present, in microseconds since 1970.
    """

    def __init__(self, ruleset: Ruleset, now: Callable[[], int]) -> None:
        self._ruleset = ruleset
        self._now = now

    def caller(self, context: Any) -> Caller | None:
        """Who calls; None: the owner.

        Args:
            context: the call's, with its metadata.

        Raises:
            RpcError: UNAUTHENTICATED: the token is none.
        """
        headers = {key.lower(): value for key, value in context.invocation_metadata() or ()}
        kind, _, token = str(headers.get("authorization", "")).partition(" ")
        if not kind:
            return Caller(None)
        if token == OWNER:
            return None
        try:
            payload = token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
            return Caller({"uid": claims.get("user_id") or claims["sub"], "token": claims})
        except (IndexError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise RpcError(grpc.StatusCode.UNAUTHENTICATED, f"The token is not one of Firebase: {error}.") from error

    def refuse(self, what: str) -> None:
        """Refuse what only a server may do.

        Raises:
            RpcError: PERMISSION_DENIED.
        """
        raise _denied(what)

    def check_get(self, caller: Caller, database: Database, paths: Iterable[str], time: int) -> None:
        """Refuse to read documents, unless each is allowed.

        Raises:
            RpcError: PERMISSION_DENIED.
        """
        for path in paths:
            version = database.at(path, time)
            resource = None if version is None else _resource(database, path, version.document())
            self._check(caller, database, time, "get", _segments(database, path), resource, time=self._now())

    def check_list(self, caller: Caller, database: Database, query: Query, time: int) -> None:
        """Refuse a query, unless what it could find is allowed, whatever that is.

        Raises:
            RpcError: PERMISSION_DENIED.
        """
        if not query.collection_id:
            raise _denied("a query of all collections")
        parent = query.parent.split("/") if query.parent else []
        path = (*_root(database), *parent, *([AnyPath()] if query.descendants else []), query.collection_id, Unknown())
        for conditions in query.disjuncts:
            resource = {"data": UnknownField(conditions), "id": Unknown(), "__name__": Unknown()}
            limits = {"limit": query.limit, "offset": query.offset}
            self._check(caller, database, time, "list", path, resource, time=self._now(), query=limits)

    def check_writes(
        self,
        caller: Caller,
        database: Database,
        changes: Changes,
        time: int,
    ) -> None:
        """Refuse writes, unless each is allowed.

        Args:
            caller: who writes.
            database: where.
            changes: what they write.
            time: that of the commit.

        Raises:
            RpcError: PERMISSION_DENIED.
        """
        for path, (before, after) in changes.items():
            method = "delete" if after is None else "create" if before is None else "update"
            self._check(
                caller,
                database,
                None,
                method,
                _segments(database, path),
                None if before is None else _resource(database, path, before),
                time=time,
                after=None if after is None else _resource(database, path, after),
                changes=changes,
            )

    def _check(
        self,
        caller: Caller,
        database: Database,
        read_time: int | None,
        method: str,
        path: tuple[Any, ...],
        resource: Any,
        *,
        time: int,
        after: Any = None,
        query: Mapping[str, Any] | None = None,
        changes: Changes | None = None,
    ) -> None:
        access = Access(
            method=method,
            path=path,
            auth=caller.auth,
            time=Timestamp(time * 1000),
            resource=resource,
            after=after,
            query=query,
        )
        if not self._ruleset.allows(access, _Looks(database, read_time, changes or {})):
            shown = "/".join("*" if isinstance(each, Unknown) else each for each in path[3:])
            raise _denied(f"{method} of {shown}")


class _Looks:
    """The documents that a rule looks at, counted."""

    def __init__(self, database: Database, time: int | None, changes: Changes) -> None:
        self._database = database
        self._time = database.read_time() if time is None else time
        self._changes = changes
        self._seen: dict[tuple[str, bool], Any] = {}

    def get(self, path: Path, *, after: bool) -> Any:
        root, segments = path.segments[:3], path.segments[3:]
        if root != _root(self._database) or not segments or len(segments) % 2:
            raise RulesError("no path of a document of this database")
        if not all(isinstance(each, str) for each in segments):
            raise RulesError("a path whose variables are not bound")
        key = "/".join(segments), after
        if key not in self._seen:
            if len(self._seen) >= _MAX_LOOKS:
                raise RulesError(f"more than {_MAX_LOOKS} documents are looked at")
            self._seen[key] = self._read(*key)
        return self._seen[key]

    def _read(self, path: str, after: bool) -> Any:
        if after and path in self._changes:
            document = self._changes[path][1]
        else:
            version = self._database.at(path, self._time)
            document = None if version is None else version.document()
        return None if document is None else _resource(self._database, path, document)


def _denied(what: str) -> RpcError:
    return RpcError(grpc.StatusCode.PERMISSION_DENIED, f"Missing or insufficient permissions: no rule allows {what}.")


def _root(database: Database) -> tuple[str, str, str]:
    return ("databases", database.name.rsplit("/", 1)[1], "documents")


def _segments(database: Database, path: str) -> tuple[str, ...]:
    return (*_root(database), *path.split("/"))


def _resource(database: Database, path: str, document: Message) -> dict[str, Any]:
    return {
        "data": {name: _value(value) for name, value in document.fields.items()},
        "id": path.rsplit("/", 1)[1],
        "__name__": Path(_segments(database, path)),
    }


def _value(value: Message) -> Any:
    kind = value.WhichOneof("value_type")
    match kind:
        case "timestamp_value":
            return Timestamp(value.timestamp_value.ToNanoseconds())
        case "geo_point_value":
            return LatLng(value.geo_point_value.latitude, value.geo_point_value.longitude)
        case "reference_value":
            return Path(tuple(value.reference_value.split("/")[2:]))
        case "array_value":
            return [_value(each) for each in value.array_value.values]
        case "map_value":
            return {name: _value(each) for name, each in value.map_value.fields.items()}
        case None | "null_value":
            return None
        case _:
            return getattr(value, kind)
