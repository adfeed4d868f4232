"""The consoles whose pages are looked at, and the addresses of these pages."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import quote

from operations.console.jobs import Job
from operations.dead_letters.dead_letter_result import DeadLetterResult
from operations.dead_letters.dismissal import DismissalOutcome
from operations.operator_actions import OperatorActions
from tests.browser.local_cloud import Cloud
from tests.browser.staged import MARKUP, PROJECT, QUEUES, REPLAY, Staged, make_queue, put_in
from tests.console_server import OPERATOR, ConsoleServer, wait_for_charts
from tests.support import now

EMPTY_PROJECT = "empty-project"


@dataclass(frozen=True, kw_only=True)
class House:
    """The consoles whose pages are looked at.

    Attributes:
        full: of the project that has everything.
        read_only: of the same, for somebody who may not act.
        empty: of a project that has nothing.
        staged: what the project has.
        jobs: the ids of jobs, by what they are.
        mail: the id of an email that the local cloud took.
    """

    full: ConsoleServer
    read_only: ConsoleServer
    empty: ConsoleServer
    staged: Staged
    jobs: dict[str, str]
    mail: str


@contextmanager
def furnished(cloud: Cloud) -> Iterator[House]:
    """The consoles, until the end of the block.

    Args:
        cloud: where their projects are.
    """
    location = cloud.target.require("LOCATION")
    staged = put_in(cloud.database(PROJECT), location=location)
    make_queue(EMPTY_PROJECT, location, "reports", paused=False, wait=timedelta(minutes=1))
    with ExitStack() as stack:
        ramp_start = f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}"
        full = stack.enter_context(cloud.console_of(PROJECT, queues=QUEUES, RAMP_START=ramp_start, QUEUE_RATE="10"))
        read_only = stack.enter_context(cloud.console_of(PROJECT, queues=QUEUES, read_only=True))
        empty = stack.enter_context(cloud.console_of(EMPTY_PROJECT))
        goes_on = threading.Event()
        stack.callback(goes_on.set)
        assert full.console.local is not None
        wait_for_charts(full.url)
        yield House(
            full=full,
            read_only=read_only,
            empty=empty,
            staged=staged,
            jobs={"running": _job(full, wait=goes_on), "ended": _job(full)},
            mail=full.console.local.mails(limit=1)["mails"][0]["id"],
        )


def _job(served: ConsoleServer, wait: threading.Event | None = None) -> str:
    """A job that has done some of its things, and waits with the last one, or has done all of them."""

    def work(thing: str) -> DeadLetterResult:
        if wait and thing == "last":
            wait.wait()
        outcome = DismissalOutcome.ERROR if thing == MARKUP else DismissalOutcome.DISMISSED
        return DeadLetterResult(letter_id=thing, outcome=outcome, detail=MARKUP if thing == MARKUP else "")

    job = Job(id=uuid.uuid4().hex, title="Dismiss 3 dead letters", total=3, back="/dead-letters")
    log = OperatorActions(served.console.session.firestore)
    begun = partial(served.console.jobs.begin, log=log, now=now, who=OPERATOR, subject=MARKUP, note=MARKUP)
    begun(job, ["first", MARKUP, "last"], work)
    while job.done < 2 or not (wait or job.ended_at):
        threading.Event().wait(0.01)
    return job.id


def part(text: str) -> str:
    """A text as a part of an address."""
    return quote(text, safe="")


Address = Callable[[House], str]

FULL: dict[str, Address] = {
    "overview": lambda _: "/",
    "an incident": lambda _: "/incident",
    "runs": lambda _: "/runs",
    "a run that goes on": lambda house: f"/runs/{house.staged.running}",
    "a run that failed": lambda house: f"/runs/{house.staged.failed}",
    "deliveries": lambda house: f"/deliveries?run={house.staged.failed}",
    "deliveries of a user": lambda house: f"/deliveries?user={part(house.staged.users['hostile'])}",
    **{
        f"a delivery that is {state}": lambda house, state=state: (  # type: ignore[misc]
            f"/deliveries/{part(house.staged.deliveries[state])}"
        )
        for state in ("bounced", "pending", "sending", "skipped", "dead")
    },
    "dead letters": lambda _: "/dead-letters",
    "dead letters of a cause": lambda house: f"/dead-letters?cause={house.staged.cause}",
    "dead letters that are dismissed": lambda _: "/dead-letters?state=dismissed",
    **{
        f"a dead letter that is {state}": lambda house, state=state: (  # type: ignore[misc]
            f"/dead-letters/{part(house.staged.letters[state])}"
        )
        for state in ("open", "unknown", "dismissed", "settled")
    },
    "a job that goes on": lambda house: f"/jobs/{house.jobs['running']}",
    "a job that has ended": lambda house: f"/jobs/{house.jobs['ended']}",
    "queues": lambda _: "/queues?notice=queue-paused",
    "people": lambda _: "/people",
    "subscriptions": lambda _: "/subscriptions",
    **{
        f"a user, {name}": lambda house, name=name: f"/people/{part(house.staged.users[name])}"  # type: ignore[misc]
        for name in ("usual", "hostile", "without anything", "with a long name")
    },
    "a preview": lambda house: f"/people/{part(house.staged.users['usual'])}/subscriptions/default/preview",
    "kinds": lambda _: "/kinds?kind=usage",
    "system alerts": lambda _: "/system-alerts",
    "actions": lambda _: "/operator-actions",
    "an action": lambda _: "/operator-actions/cut%20short",
    "an action that sent reports again": lambda _: f"/operator-actions/{REPLAY}",
    "versions": lambda _: "/versions",
    "local cloud": lambda _: "/local",
    "mails": lambda _: "/local/mails",
    "an email": lambda house: f"/local/mails/{part(house.mail)}",
    "Slack": lambda _: "/local/slack",
    "destinations": lambda _: "/local/elsewhere",
}
MANY = "/dead-letters?state=replayed"
EMPTY: dict[str, str] = {
    "overview": "/",
    "an incident": "/incident",
    "runs": "/runs",
    "deliveries": "/deliveries",
    "dead letters": "/dead-letters",
    "queues": "/queues",
    "people": "/people",
    "subscriptions": "/subscriptions?paused=bounced",
    "kinds": "/kinds?kind=none",
    "actions": "/operator-actions",
    "mails": "/local/mails?q=nothing-like-this",
}
