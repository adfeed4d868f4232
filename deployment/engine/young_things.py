"""What is so new that not all of Google sees it yet: what this run has made, and what others made a moment ago.

Each of Google's services has its own lag, and may flap: that one sees a thing says nothing of another. So a request
that concerns something younger than ten minutes is made again, until it succeeds itself.
https://cloud.google.com/iam/docs/access-change-propagation
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deployment.engine.discovery import Request, Resource
from deployment.engine.google_error import GoogleError

PATIENCE_SECONDS = 600
"""As long as something is young."""

_CREATES = frozenset({"create", "insert", "addVersion", "copy"})
_UNSEEN = frozenset({"NOT_FOUND", "PERMISSION_DENIED", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "ALREADY_EXISTS"})
"""How a service says that it does not see something, or cannot use it yet."""

_LONGEST_NAME = 300


@dataclass(frozen=True, kw_only=True)
class Thing:
    """Something that is there, by its collection and id, such as secrets/s; by the id alone if it is an interface, or a
    member of a policy. `is_grant` if what was granted, or an interface, is young: it is there, and may be refused."""

    name: str
    made: datetime
    is_grant: bool


class YoungThings:
    """The things that this run and the one before know to be young. Threads may share it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self._things: dict[tuple[str, bool], Thing] = {}
        self._lock = threading.Lock()

    def add(self, name: str, made: datetime | None = None, *, is_grant: bool = False) -> None:
        """Keep that something was made, by now unless it says when."""
        short = "/".join(name.rsplit("/", 2)[-2:]) if "/" in name else name
        with self._lock:
            known, made = self._things.get((short, is_grant)), min(made or self.now(), self.now())
            if short and (known is None or made > known.made):
                self._things[short, is_grant] = Thing(name=short, made=made, is_grant=is_grant)

    def forget(self, name: str) -> None:
        with self._lock:
            for key in [key for key in self._things if name.endswith(key[0])]:
                del self._things[key]

    def note(self, request: Request, answer: Resource) -> None:
        """Keep what a request has made, or what it read says of its age."""
        method, body = request.method, request.body or {}
        # All see an object at once. https://cloud.google.com/storage/docs/consistency
        if method.id.startswith("storage.objects."):
            return
        if method.verb == "setIamPolicy":
            self.add(request.target, is_grant=True)
            for binding in (body.get("policy") or {}).get("bindings", []):
                for member in binding.get("members", []):
                    self.add(member.partition(":")[2], is_grant=True)
        elif method.verb == "batchEnable":
            for api in body["serviceIds"]:
                self.add(api, is_grant=True)
        elif method.verb in _CREATES:
            self.add(_name_of_new(request, answer))
        elif method.verb == "delete":
            self.forget(request.target)
        if "operations/" in str(answer.get("name")):
            self.add(answer["name"])
        for each in [answer, *_listed(answer)] if method.http_method == "GET" else []:
            name = each.get("name")
            if not isinstance(name, str):
                continue
            made = _time(each.get("createTime") or each.get("timeCreated")) or self._begun(name)
            if made is not None and self._age(made) < PATIENCE_SECONDS:
                self.add(name, made)

    def _begun(self, name: str) -> datetime | None:
        """When something was begun that is there, as it turns out: no service account says when it was made."""
        with self._lock:
            begun = [each for each in self._things.values() if each.is_grant and "/" in each.name]
        return max((each.made for each in begun if f"/{each.name}@" in f"/{name}@"), default=None)

    def concerned(self, request: Request, error: GoogleError) -> Thing | None:
        """What a request concerns and may be why it failed: what the error names, or the youngest; None if nothing."""
        said = " ".join([error.message, *error.violations])
        with self._lock:
            things = [each for each in self._things.values() if _may_be_why(each, request, error, said)]
        named = [each for each in things if _names(each, said, as_leaf=True)]
        concerned = named or [each for each in things if _concerns(each, request, error)]
        return max(concerned, key=lambda each: each.made, default=None)

    def made(self, name: str) -> datetime | None:
        """When something was made, by its id; None if it is not young."""
        with self._lock:
            found = [each.made for each in self._things.values() if each.name.rpartition("/")[2] == name]
        return max((made for made in found if self._age(made) < PATIENCE_SECONDS), default=None)

    def _age(self, made: datetime) -> float:
        return (self.now() - made).total_seconds()

    def record(self) -> dict[str, Any]:
        with self._lock:
            young = [each for each in self._things.values() if self._age(each.made) < PATIENCE_SECONDS]
        kinds = {"made": False, "granted": True}
        return {
            kind: {each.name: each.made.isoformat() for each in young if each.is_grant is is_grant}
            for kind, is_grant in kinds.items()
        }

    def take_over(self, record: Any) -> None:
        """Take over what an earlier run has kept. What is malformed is left out."""
        for kind, is_grant in (("made", False), ("granted", True)):
            found = record.get(kind) if isinstance(record, dict) else None
            for name, text in found.items() if isinstance(found, dict) else ():
                made = _time(text)
                # One of the future would be young for ever.
                if made is not None and 0 <= self._age(made) < PATIENCE_SECONDS and 0 < len(name) <= _LONGEST_NAME:
                    self.add(name, made, is_grant=is_grant)


def _may_be_why(thing: Thing, request: Request, error: GoogleError, said: str) -> bool:
    """Whether a thing can be the reason of an error that concerns it. That a resource is not there, which a read says,
    may be so: then it is the thing itself that is unseen, or one that it is in and that the error names."""
    if not error.is_absence:
        return True
    if thing.is_grant:
        return False
    if request.method.verb not in {"get", "access"}:
        return True
    return f"/{request.target}".endswith(f"/{thing.name}") or (
        f"/{thing.name}/" in request.target and _names(thing, said, as_leaf=True)
    )


def _concerns(thing: Thing, request: Request, error: GoogleError) -> bool:
    if error.of_what_was_begun and request.method.verb != "get":
        return False
    if error.code not in _UNSEEN or (thing.is_grant and error.code == "ALREADY_EXISTS"):
        return False
    # What the project grants, all requests to it may need.
    if thing.is_grant and thing.name.startswith("projects/") and error.code != "PERMISSION_DENIED":
        return False
    asked = f"{request.method.api}.googleapis.com {request.path} {dict(request.query)} {request.body}"
    return _names(thing, asked)


def _names(thing: Thing, text: str, *, as_leaf: bool = False) -> bool:
    """Whether a text names a thing: by its id, or by its full name if the id is a number. With `as_leaf`, the name of
    something below it does not count."""
    collection, _, last = thing.name.rpartition("/")
    own = thing.name if last.isdecimal() else last
    named = re.finditer(rf"(?<![\w@-]){re.escape(own)}(?![\w{'/' if as_leaf else ''}-]|\.\w)", text)
    # A topic and its subscription may have one id.
    before = (re.search(r"([A-Za-z]+s)/$", text[: each.start()]) for each in named)
    return any(found is None or own == thing.name or found[1] == collection for found in before)


def _name_of_new(request: Request, answer: Resource) -> str:
    """The name of what a request has made, also where an operation is still at it."""
    name, body = str(answer.get("name", "")), request.body or {}
    if "operations/" not in name and name:
        return name if "/" in name else f"{request.method.id.split('.')[-2]}/{name}"
    given = [str(value) for key, value in request.query.items() if key.endswith("Id")]
    own = given[0] if given else str(body.get("name") or body.get("accountId") or "").rpartition("/")[2]
    if request.method.http_method == "PUT":  # Pub/Sub: to the name itself
        return request.target
    return f"{request.method.id.split('.')[-2]}/{own}" if own else ""


def _listed(answer: Mapping[str, Any]) -> Iterator[Resource]:
    for value in answer.values():
        if isinstance(value, list):
            yield from (each for each in value if isinstance(each, dict))


def _time(text: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return time.astimezone(UTC) if time is not None and time.tzinfo else None
