"""The lives of a report in docs/explanation/how-it-works.md: pictures of what the explorer of the protocol plays."""

from collections.abc import Iterator
from functools import partial

from tests.protocol.report import Bounds, Provider, State, first, following

_SENT = ("worker a gets", "worker a builds", "worker a claims", "worker a looks again", "the provider accepts")
_LOST = (*_SENT, "worker a is killed", "the lease ends")
_REFUSED = (*_SENT[:-1], "the provider has no time")
_GIVEN_UP = ("worker a gives up", "worker a publishes", "worker a marks")
_TOLD = ("Pub/Sub delivers", "the handler stores", "the handler looks", "the handler tells")

LIVES: dict[str, tuple[Bounds, tuple[str, ...]]] = {
    "life-success": (Bounds(), (*_SENT, "worker a settles", "worker a gets", "worker a moves")),
    "life-two": (
        Bounds(),
        (
            *("worker a gets", "worker b gets", "worker a builds", "worker b builds"),
            *("worker a claims", "worker b claims", "worker a looks again", "the provider accepts", "worker a settles"),
        ),
    ),
    "life-killed": (
        Bounds(),
        (
            *(*_LOST, "worker a gets", "worker a finds nothing", *_GIVEN_UP, *_TOLD),
            *("an event", "the event settles", "the event is stored"),
        ),
    ),
    "life-logs": (
        Bounds(provider=Provider.LOGS),
        (*_LOST, "worker a gets", "worker a finds the email", "worker a settles"),
    ),
    "life-keys": (Bounds(provider=Provider.KEYS), (*_LOST, *_SENT, "worker a settles")),
    "life-refused": (Bounds(), (*_REFUSED, "worker a settles", *_REFUSED, *_GIVEN_UP, *_TOLD)),
    "life-lost-task": (
        Bounds(attempts=1),
        (
            "worker a gets",
            "worker a is killed",
            "a run",
            "the rescue notes",
            "the rescue makes",
            *_SENT,
            "worker a settles",
        ),
    ),
}
"""By the name of its picture: within which bounds, and the beginnings of what happens."""

_ACTORS = {
    "a run": "dispatcher",
    "the rescue": "dispatcher",
    "worker a": "worker A",
    "worker b": "worker B",
    "the lease": "delivery",
    "the provider": "provider",
    "an event": "mail events",
    "the event": "mail events",
    "Pub/Sub": "dead letters",
    "the handler": "dead letters",
}
"""Who acts, by the beginning of what happens, in the order of the picture."""

_TARGETS = {
    **dict.fromkeys(("claims", "looks", "settles", "gives up", "marks", "moves", "finds", "notes"), "delivery"),
    "publishes": "dead letters",
    "makes another task": "queue",
}
"""To whom an arrow leads, by what happens. Everything else is a note."""


def picture(name: str, _part: str) -> str:
    """A life as a sequence diagram."""
    lines, order = list(_lines(name)), ["queue", *dict.fromkeys(_ACTORS.values())]
    named = [f"    participant {_id(each)} as {each}" for each in order if any(_id(each) in line for line in lines)]
    return "\n".join(["```mermaid", "sequenceDiagram", *named, *lines, "```"])


def _lines(name: str) -> Iterator[str]:
    bounds, beginnings = LIVES[name]
    state = first(bounds)
    for beginning in beginnings:
        words, after = next(
            (words, after) for words, after, _ in following(state, bounds) if words.startswith(beginning)
        )
        yield from _drawn(words, state, after)
        if _standing(state) != _standing(after):
            yield f"    Note over delivery: {_standing(after)}"
        state = after


def _drawn(words: str, before: State, after: State) -> Iterator[str]:
    start, actor = next(each for each in _ACTORS.items() if words.startswith(each[0]))
    act = words.removeprefix(start).strip()
    target = next((who for what, who in _TARGETS.items() if act.startswith(what)), None)
    if act == "gets the task":
        yield f"    queue->>{_id(actor)}: the task"
    elif actor == "provider":
        sender = _id(_ACTORS[next(each.name for each in before.processes if each.at == "send")])
        yield f"    {sender}->>provider: the email"
        yield f"    provider-->>{sender}: {act}"
    elif target and actor != "dead letters":
        is_overtaken = act == "claims" and _standing(before) == "sending"
        yield f"    {_id(actor)}->>{_id(target)}: {act}{', but the record has changed' if is_overtaken else ''}"
    else:
        yield f"    Note over {_id(actor)}: {act if actor.startswith('worker') else words}"


def _standing(state: State) -> str:
    return state.delivery.state if state.delivery else "no record"


def _id(name: str) -> str:
    return name.replace(" ", "_")


PARTS = {name: partial(picture, name) for name in LIVES}
