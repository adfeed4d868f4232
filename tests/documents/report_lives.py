"""The lives of a report in docs/explanation/how-it-works.md: pictures of what the explorer of the protocol plays."""

from collections.abc import Iterator
from functools import partial

from tests.protocol.actors import Provider
from tests.protocol.played import of_the_machine
from tests.protocol.world import Bounds, State, World

_SENT = ("worker a gets", "worker a claims", "worker a reads", "worker a hands the email over, and")
_LOST = (*_SENT, "worker a is killed", "the lease ends")
_REFUSED = (*_SENT[:-1], "worker a hands the email over: the provider says not now")
_GIVEN_UP = ("worker a gives the report up", "worker a publishes", "worker a settles")
_TOLD = ("Pub/Sub delivers", "the handler writes")
_ONE_KILL = Bounds(kills=1)

LIVES: dict[str, tuple[Bounds, tuple[str, ...]]] = {
    "life-success": (Bounds(), (*_SENT, "worker a settles")),
    "life-two": (
        Bounds(duplicates=1),
        (
            *("worker a gets the task, and the queue", "worker b gets", "worker a claims", "worker b claims"),
            *("worker a reads", "worker a hands", "worker a settles"),
        ),
    ),
    "life-killed": (
        _ONE_KILL,
        (
            *(*_LOST, "worker a gets", "worker a reads the events", *_GIVEN_UP, *_TOLD),
            *(*("the handler reads",) * 2, "the handler notes", "an event", "the event reads"),
            *("the event settles", "the event stores"),
        ),
    ),
    "life-logs": (
        _ONE_KILL._replace(provider=Provider.LOGS),
        (*_LOST, "worker a gets", "worker a reads the events", "worker a finds", "worker a settles"),
    ),
    "life-keys": (_ONE_KILL._replace(provider=Provider.KEYS), (*_LOST, *_SENT, "worker a settles")),
    "life-refused": (
        Bounds(),
        (*_REFUSED, "worker a gives the claim back", *_REFUSED, *_GIVEN_UP, *_TOLD),
    ),
    "life-lost-task": (
        Bounds(attempts=1, kills=1),
        (
            "worker a gets",
            "worker a is killed",
            "a run",
            "the run reads",
            "the run notes",
            "the run makes",
            *_SENT,
            "worker a settles",
        ),
    ),
}
"""By the name of its picture: within which bounds, and the beginnings of what happens."""

_ACTORS = {
    "a run": "dispatcher",
    "the run": "dispatcher",
    "worker a": "worker A",
    "worker b": "worker B",
    "the lease": "delivery",
    "an event": "mail events",
    "the event": "mail events",
    "Pub/Sub": "dead letters",
    "the handler": "dead letters",
}
"""Who acts, by the beginning of what happens, in the order of the picture."""

_TARGETS = {
    **dict.fromkeys(("claims", "settles", "gives", "notes that it makes"), "delivery"),
    "publishes": "dead letters",
    "makes a task": "queue",
}
"""To whom an arrow leads, by what happens. Everything else is a note."""


def picture(name: str, _part: str) -> str:
    """A life as a sequence diagram."""
    lines, order = list(_lines(name)), ["queue", *dict.fromkeys(_ACTORS.values())]
    order.append("provider")
    named = [f"    participant {_id(each)} as {each}" for each in order if any(_id(each) in line for line in lines)]
    return "\n".join(["```mermaid", "sequenceDiagram", *named, *lines, "```"])


def _lines(name: str) -> Iterator[str]:
    bounds, beginnings = LIVES[name]
    world = World(bounds)
    with of_the_machine():
        state = world.first()
        for beginning in beginnings:
            words, after = next(
                (words, after) for words, after, _ in world.following(state) if words.startswith(beginning)
            )
            yield from _drawn(words)
            if _standing(world, state) != _standing(world, after):
                yield f"    Note over delivery: {_standing(world, after)}"
            state = after


def _drawn(words: str) -> Iterator[str]:
    start, actor = next(each for each in _ACTORS.items() if words.startswith(each[0]))
    act = words.removeprefix(start).strip()
    target = next((who for what, who in _TARGETS.items() if act.startswith(what)), None)
    if act.startswith("gets the task"):
        yield f"    queue->>{_id(actor)}: the task{act.removeprefix('gets the task')}"
    elif act.startswith("hands the email over"):
        yield f"    {_id(actor)}->>provider: the email"
        yield f"    provider-->>{_id(actor)}: {act.rpartition('the provider ')[2].removesuffix(' it')}"
    elif target and actor != "dead letters":
        # To the readers of the page, to settle is what the glossary says.
        yield f"    {_id(actor)}->>{_id(target)}: {act.replace('settles the delivery:', 'makes the delivery')}"
    else:
        yield f"    Note over {_id(actor)}: {act if actor.startswith('worker') else words}"


def _standing(world: World, state: State) -> str:
    return next((each.state.value for each in world.deliveries(state)), "no record")


def _id(name: str) -> str:
    return name.replace(" ", "_")


PARTS = {name: partial(picture, name) for name in LIVES}
