"""A process, which is the pipeline's own code: it runs from its beginning with the answers that it has had so far, up
to its next question to the world, such as a read, a commit, or an email. Nothing of it is kept but these answers.

Of its answers only that matters by which it can still go on (`Histories`).
"""

import contextlib
import importlib
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from enum import Enum, auto
from types import CodeType
from typing import Any, NamedTuple, TypeVar
from unittest import mock

import structlog
from google.api_core.exceptions import GoogleAPICallError, ServiceUnavailable

from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.firestore.database import Database
from functions.shared.firestore.errors import ChangedMeanwhile
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.outcomes import Outcomes
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import Write
from functions.shared.outcome_topic import OutcomeTopic
from functions.shared.queues.task_queue import CREATED, NewTask, TaskCreation, TaskQueue
from functions.shared.records.dead_letter import DeadLetter
from functions.shared.records.stored_request import KeptRequest
from functions.shared.records.system_alert import SystemAlert
from functions.worker.destinations.email.delivery_lookup import DeliveryLookup, LookupAnswer, Neighbors, WantedMail
from functions.worker.destinations.email.model import Mail, MailProvider
from functions.worker.destinations.outcome import Outcome
from functions.worker.destinations.repeatable_sending import RepeatableSending
from tests.protocol.documents import LONG_AGO, Contents

T = TypeVar("T")
ALREADY_EXISTS = TaskCreation(6)


Where = tuple[tuple[CodeType, int], ...]
"""A place in the code: the instruction that runs, and those that have called it."""


class Question(NamedTuple):
    """What a process asks of the world.

    Attributes:
        what: a word for it.
        about: what it is about.
        where: the place in its code.
    """

    what: str
    about: Any = None
    where: Where = ()


class End(NamedTuple):
    """How a process ends.

    Attributes:
        result: what its function returns; None where it has failed.
        mistake: what no code foresees; empty where there was no such thing.
    """

    result: Any = None
    mistake: str = ""


class Failure(Enum):
    """An answer that says that something was not done, or may not have been."""

    CHANGED = auto()
    NO_ANSWER = auto()

    def error(self) -> Exception:
        """As Google's client has it."""
        return ChangedMeanwhile("changed") if self is Failure.CHANGED else ServiceUnavailable("no answer")  # type: ignore[no-untyped-call]


class _Waiting(BaseException):
    """A process waits for an answer. No `except Exception` of the pipeline's code takes it for a failure."""


class Played:
    """What a process has of the world.

    Args:
        name: the process's, and the token of what it claims.
        answers: those that it has had.
        now: the present, which stays the same: no time passes while anybody acts.
        contents: what documents say.
        has_outcomes: whether the application is to hear what became of the reports.
    """

    def __init__(
        self, name: str, answers: Iterable[Any], now: datetime, contents: Contents, *, has_outcomes: bool
    ) -> None:
        self.name, self.now, self.contents = name, now, contents
        self.question: Question | None = None
        self.mistake = ""
        self._answers = iter(answers)
        self.database, self.queue, self.topic = _Database(self), _Queue(self), _Topic(self)
        self.outcomes = Outcomes(self.database, OutcomeTopic("p", "t", database="d")) if has_outcomes else None

    def ask(self, what: str, about: Any = None) -> Any:
        """The world's answer.

        Raises:
            _Waiting: it is still to come.
            GoogleAPICallError: it is a failure.
        """
        answer = _Waiting if self.question else next(self._answers, _Waiting)
        if answer is _Waiting:
            self.question = self.question or Question(what, about, _place())
            raise _Waiting
        if isinstance(answer, Failure):
            raise answer.error()
        return answer

    def moment(self) -> datetime:
        """The present."""
        return self.now


def _place() -> Where:
    """Where the process is that asks."""
    where, frame = list[tuple[CodeType, int]](), sys._getframe(2)
    while frame.f_code is not Histories._play.__code__ and (caller := frame.f_back):
        where.append((frame.f_code, frame.f_lasti))
        frame = caller
    return tuple(where)


class _Database(Database):
    def __init__(self, played: Played) -> None:
        self._played = played

    def get(self, path: str, *, fields: Sequence[str] | None = None, seconds: float | None = None) -> FoundDocument:
        return self.get_all([path], fields=fields)[path]

    def get_all(self, paths: Iterable[str], *, fields: Sequence[str] | None = None) -> dict[str, FoundDocument]:
        asked = tuple(dict.fromkeys(paths))
        answer = self._played.ask("read", asked) if asked else ()
        return {path: self._played.contents.found(path, number, fields) for path, number in answer}

    def stream(self, query: Query, *, seconds: float | None = 0) -> Iterator[FoundDocument]:
        for path, number in self._played.ask("find", query):
            yield self._played.contents.found(path, number, query.mask)

    def commit(self, writes: Sequence[Write], *, seconds: float | None = None) -> datetime:
        (path, number), *_ = self._played.ask("write", tuple(map(_with_latest_entry, writes)))
        return self._played.contents.found(path, number).update_time or self._played.now

    def write_each(self, writes: Sequence[Write], *, seconds: float | None = None) -> list[GoogleAPICallError | None]:
        return [self._failure(each) for each in writes]

    def _failure(self, write: Write) -> GoogleAPICallError | None:
        try:
            self.commit([write])
        except GoogleAPICallError as error:
            return error
        return None

    def written(self, decide: Callable[[], tuple[T, Sequence[Write]]]) -> tuple[T, datetime | None]:
        while True:
            result, writes = decide()
            with contextlib.suppress(ChangedMeanwhile):
                return result, self.commit(writes) if writes else None


def _with_latest_entry(write: Write) -> Write:
    """Of a history, documents keep no other."""
    fields = write.fields or {}
    return write._replace(fields={**fields, "history": fields["history"][-1:]}) if "history" in fields else write


class _Queue(TaskQueue):
    def __init__(self, played: Played) -> None:
        self.queue, self._played = "report-queue", played

    def enqueue(self, tasks: Sequence[NewTask]) -> list[TaskCreation]:
        return [CREATED if self._played.ask("enqueue", each) else ALREADY_EXISTS for each in tasks]

    def holds(self, task: str) -> bool:
        return bool(self._played.ask("hold", task))


class _Topic(DeadLetterTopic):
    def __init__(self, played: Played) -> None:
        self._played = played

    def publish(self, letter: DeadLetter, *, task_name: str = "", retry_count: int = 0) -> None:
        self._played.ask("publish", letter.model_copy(update={"attempts": 1, "error": "e"}))

    def tell(self, alert: SystemAlert) -> bool:
        self._played.ask("tell", alert.report.delivery_id if alert.report else "")
        return True


class PlayedProvider(MailProvider, RepeatableSending, DeliveryLookup):
    """An email provider."""

    keys_hold = timedelta(hours=24)
    same_bytes = True
    key_id = "k"
    keeps = timedelta(days=30)

    def __init__(self, played: Played) -> None:
        self._played = played

    def send(self, mail: Mail, *, seconds: float) -> Outcome:
        """Its subject is the period."""
        outcome: Outcome = self._played.ask("send", ("", mail.subject))
        return outcome

    def requests(self, mail: Mail) -> Sequence[KeptRequest]:
        """One."""
        return [KeptRequest(each.address, mail.subject.encode()) for each in mail.recipients]

    def send_requests(self, requests: Mapping[str, KeptRequest], *, seconds: float) -> Outcome:
        """Their content is the period."""
        [(key, request)] = requests.items()
        outcome: Outcome = self._played.ask("send", (key, request.content.decode()))
        return outcome

    def find(self, wanted: WantedMail, *, seconds: float) -> LookupAnswer:
        """Whether it has the email."""
        answer: LookupAnswer = self._played.ask("look up", wanted.delivery_id)
        return answer

    def neighbors(self, wanted: WantedMail, *, after: datetime, seconds: float) -> Neighbors:
        """It shows other emails."""
        return Neighbors(LONG_AGO, after + timedelta(seconds=1))


class Root(NamedTuple):
    """How a process begins.

    Attributes:
        name: its name.
        actor: the function that it is.
        arguments: the function's.
        now: when it begins.
    """

    name: str
    actor: Callable[..., Any]
    arguments: tuple[Any, ...]
    now: datetime = LONG_AGO


class Histories:
    """What processes have lived through, as numbers: what each does next follows from that alone.

    Two histories have the same number if they began alike, ask the same at the same place of the code, have read and
    written the same last of each document, and were told the same last by each other question: a process does not look
    at what it has read before that.

    Args:
        contents: what documents say.
        merges: whether that is so. Else each history has a number of its own.
        has_outcomes: whether the application is to hear what became of the reports.
    """

    def __init__(self, contents: Contents, *, merges: bool = True, has_outcomes: bool = False) -> None:
        self._contents, self._merges, self._has_outcomes = contents, merges, has_outcomes
        self.numbers: dict[tuple[int | None, Any], int] = {}
        """By a history and the answer that comes then, or by None and a Root."""
        self.alike: dict[int, Hashable] = {}
        """By what a history is the same as others."""
        self._first: dict[Hashable, int] = {}
        self._entries: list[tuple[int | None, Any]] = []
        self._known: list[dict[Any, Any]] = []
        self.next: list[Question | End] = []
        """What a process that has lived through it does next."""

    def begin(self, root: Root) -> int:
        """A process begins."""
        return self._number(None, root)

    def after(self, history: int, answer: Any) -> int:
        """A process gets an answer."""
        return self._number(history, answer)

    def root(self, history: int) -> Root:
        """How a process began."""
        root = self._known[history][Root]
        assert isinstance(root, Root)
        return root

    def told_last(self, history: int, what: str) -> Any:
        """What a process was told by its last question; None where that was another one."""
        before, answer = self._entries[history]
        asked = None if before is None else self.next[before]
        return answer if isinstance(asked, Question) and asked.what == what else None

    def _number(self, before: int | None, answer: Any) -> int:
        key = (before, answer)
        if key not in self.numbers:
            known = self._knows(before, answer)
            asked = self._play(before, answer)
            alike = (repr(asked), asked.where if isinstance(asked, Question) else (), frozenset(known.items()))
            number = self._first.setdefault(alike, len(self._entries)) if self._merges else len(self._entries)
            if number == len(self._entries):
                self._entries.append(key)
                self._known.append(known)
                self.next.append(asked)
                self.alike[number] = alike
            self.numbers[key] = number
        return self.numbers[key]

    def _knows(self, before: int | None, answer: Any) -> dict[Any, Any]:
        """What a process was told last by each question and of each document."""
        if before is None:
            return {Root: answer}
        question = self.next[before]
        assert isinstance(question, Question)
        if isinstance(answer, Failure):
            return self._known[before]
        if question.what not in {"read", "find", "write"}:
            return self._known[before] | {question.what: answer}
        # It may compare what it has read with what it wrote then.
        is_own = question.what == "write"
        return self._known[before] | {(path, is_own): number for path, number in answer}

    def _play(self, history: int | None, answer: Any) -> Question | End:
        answers = [answer]
        while history is not None:
            history, answer = self._entries[history]
            answers.append(answer)
        root = answers.pop()
        played = Played(root.name, reversed(answers), root.now, self._contents, has_outcomes=self._has_outcomes)
        with _acting(played):
            try:
                result = root.actor(played, *root.arguments)
            except _Waiting:
                assert played.question is not None
                return played.question
            except Exception as error:  # noqa: BLE001  a process that fails
                return End(None, played.mistake or f"{type(error).__name__}: {error}")
        if played.question:
            return played.question
        return End(result, played.mistake)


# What the code has of the machine

_actor: list[Played] = []


@contextlib.contextmanager
def _acting(played: Played) -> Iterator[None]:
    _actor.append(played)
    try:
        yield
    finally:
        _actor.pop()


class _Tokens:
    @staticmethod
    def token_hex(_size: int) -> str:
        return _actor[-1].name


class _AtOnce:
    """Threads that work one after the other: a process has one order of its questions."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> "_AtOnce":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def map(self, function: Callable[..., T], *each: Iterable[Any]) -> list[T]:
        return list(map(function, *each))

    def submit(self, function: Callable[..., T], *arguments: Any) -> "Future[T]":
        done = Future[T]()
        done.set_result(function(*arguments))
        return done

    def shutdown(self, wait: bool = True) -> None:
        pass


def _publish_outcome(_topic: str, _data: bytes, attributes: Mapping[str, str], *, ordering_key: str, **_: Any) -> None:
    _actor[-1].ask("tell the application", (attributes["ce-id"], attributes["ce-time"], ordering_key))


def _note_mistake(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    if _actor and event.get("exc_info"):
        _actor[-1].mistake = f"{event['event']}: {sys.exc_info()[1]!r}"
    raise structlog.DropEvent


_OF_THE_MACHINE: tuple[tuple[str, str, Any], ...] = (
    ("functions.worker.send_report", "secrets", _Tokens),
    ("functions.dispatcher.rescue.dead_lettering", "secrets", _Tokens),
    ("functions.dispatcher.rescue.dead_lettering", "Threads", _AtOnce),
    ("functions.dispatcher.rescue.waiting_tasks", "Threads", _AtOnce),
    ("functions.dispatcher.fan_out", "Threads", _AtOnce),
    ("functions.mail_events.settled_outcomes", "Threads", _AtOnce),
    ("functions.mail_events.take_events", "Threads", _AtOnce),
    ("functions.shared.firestore.outcomes", "Threads", _AtOnce),
    ("functions.shared.outcome_topic", "publish", _publish_outcome),
)


@contextlib.contextmanager
def of_the_machine() -> Iterator[None]:
    """While processes are played, the clock, the tokens and the threads of the code are theirs, and logs tell of
    mistakes alone."""
    before = structlog.get_config()
    with contextlib.ExitStack() as stack:
        for module, name, value in _OF_THE_MACHINE:
            stack.enter_context(mock.patch.object(importlib.import_module(module), name, value))
        structlog.configure(processors=[_note_mistake], cache_logger_on_first_use=False)
        try:
            yield
        finally:
            structlog.configure(**before)
