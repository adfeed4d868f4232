"""Wherever a run fails or is killed, the next one comes to the same end. tests/deployment/test_unread.py has each read
fail."""

import contextlib
import re
from collections.abc import Callable
from typing import Any

import pytest

from deployment.engine.declared import Declared
from deployment.engine.google_client import GoogleClient
from deployment.engine.google_error import GoogleError
from deployment.engine.plan import names_of, plan
from deployment.engine.run import carry_out, read
from deployment.resources.budget import budget
from deployment.resources.firestore import FIELD, indexes
from deployment.resources.monitoring import METRIC, POLICY, monitoring, nothing_of_monitoring
from deployment.resources.project import on_database, project
from deployment.resources.queues import no_queues, queues
from deployment.resources.topics import topics
from tests.deployment.conftest import BARE
from tests.deployment.declared_settings import NOW, SETTINGS
from tests.deployment.engine.faulty_session import FaultySession, Killed
from tests.deployment.stand_in.interface import INTERFACES
from tests.deployment.stand_in.project import Project
from tests.deployment.virtual_clock import VirtualClock

State = dict[str, Any]
Declaration = Callable[[GoogleClient], list[Declared]]

CHANNEL = "projects/my-project/notificationChannels/1"
NOTHING: State = {**BARE, "enabled": [f"{api}.googleapis.com" for api in INTERFACES], "resources": {}}
ACCOUNTS = [
    f"projects/my-project/serviceAccounts/{SETTINGS.account(name)}"
    for name in ("dispatcher", "worker", "mail-events", "events")
]
NOTHING["resources"] = {CHANNEL: {"name": CHANNEL, "type": "pagerduty"}} | {
    name: {"name": name} for name in (*ACCOUNTS, SETTINGS.database_name)
}
NOTHING["agents"] = ["service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com"]
NOTHING["count"] = 1
PASSING = (429, 500, 503, "cut", "time-out")


ALERTS = ("alert policy dead-letters", "alert policy error-budget-fast")
WRITES = on_database(SETTINGS, "dispatcher", "roles/datastore.user")
ON_DATABASE = [indexes(SETTINGS)[0], next(each for each in indexes(SETTINGS) if each.kind == FIELD)]
"""An index, and the settings of a field."""


WATCHED = [each for each in monitoring(SETTINGS) if each.kind != POLICY or each.what in ALERTS]
OWN = [project(SETTINGS, WRITES), *ON_DATABASE, *topics(SETTINGS), *queues(SETTINGS, NOW.date())]


def everything(client: GoogleClient) -> list[Declared]:
    """What a pipeline has, with some of its many accounts, roles, indexes, fields and alert policies."""
    return [*OWN, *WATCHED, *budget(SETTINGS, client)]


def nothing(client: GoogleClient) -> list[Declared]:
    return [
        project(SETTINGS, takes_back=lambda grant: grant == WRITES),
        *no_queues(SETTINGS, client),
        *(each.gone() for each in [*ON_DATABASE, *topics(SETTINGS), *budget(SETTINGS, client)]),
        *nothing_of_monitoring(SETTINGS),
    ]


@pytest.fixture(name="project")
def _project() -> Project:
    """A project with its interfaces on, and a notification channel of somebody else."""
    return Project(NOTHING)


def run(session: FaultySession, declaration: Declaration = everything) -> None:
    """One run, without its waits."""
    clock = VirtualClock()
    client = GoogleClient(session, "my-project", wait=clock.wait, now=clock.now, say=lambda _: None)  # type: ignore[arg-type]
    declared = declaration(client)
    steps = plan(declared, read(declared, client))
    names = names_of(steps)
    for each in steps:
        carry_out(each, client, names)


def kept(project: Project) -> list[str]:
    """What a project has, but for the numbers that Google chooses, and the etags."""
    return sorted(
        re.sub(r"(Channels|Policies|dashboards|budgets|indexes)/\d+|'etag': '\d+'", r"\1", str(each))
        for each in [*project.state["resources"].items(), *project.state["policies"].items()]
    )


_complete: State = {}
"""What the first run leaves, made once."""


@pytest.fixture
def complete(project: Project) -> Project:
    """One that has everything."""
    if not _complete:
        run(FaultySession(project))
        _complete.update(project.state)
    project.state = _complete
    return project


def drift(state: State) -> None:
    """What people have changed by hand, in each kind of resource."""
    for name, each in state["resources"].items():
        if "/metrics/" in name:
            each["filter"] = 'severity="ERROR"'
        elif "/alertPolicies/" in name:
            each["documentation"]["content"] = "Never mind."
        elif "/dashboards/" in name:
            each["mosaicLayout"]["tiles"].pop()
        elif "/serviceLevelObjectives/" in name:
            each["goal"] = 0.5
        elif "/fields/" in name:
            del each["ttlConfig"]
        elif "/queues/" in name:
            each["rateLimits"]["maxDispatchesPerSecond"] = 3.0
        elif "/subscriptions/" in name:
            each["ackDeadlineSeconds"] = 10
        elif "/budgets/" in name:
            each["amount"]["specifiedAmount"]["units"] = "5"


def drifted(project: Project) -> None:
    state = project.state
    drift(state)
    for name in ("projects/my-project/locations/us-central1/queues/reports", "project"):
        state["policies"][name].pop()
    project.state = state


WITH_POLICIES = [*topics(SETTINGS), *queues(SETTINGS, NOW.date())]
_LISTS = ("alertPolicies", "budgets", "dashboards", "notificationChannels")
READS = (
    "/billingInfo",
    *(f"/{each.name}" for each in WITH_POLICIES),
    *(f"/{each.name}:getIamPolicy" for each in WITH_POLICIES if each.grants),
    *(f"/{name}" for name in _LISTS),
    *("/collectionGroups/-/indexes", "/collectionGroups/-/fields", "/projects/my-project:getIamPolicy"),
    *("/services/report-reports", "/serviceLevelObjectives/on-time"),
    *(f"/metrics/{each.id}" for each in monitoring(SETTINGS) if each.kind == METRIC),
)
"""The ends of the addresses of all reads."""


CREATIONS, REPAIRS, REMOVALS = range(25), range(16), range(20)


def test_a_second_run_writes_nothing(complete: Project) -> None:
    session = FaultySession(complete)
    run(session)
    assert session.writes == []
    assert {read for read in READS if any(url.endswith(read) for url in session.reads)} == set(READS)
    assert all(url.endswith(READS) for url in session.reads)


def test_what_is_there_after_all_is_not_made_again(complete: Project) -> None:
    before = complete.state["resources"]
    with pytest.raises(GoogleError, match="on-time"):
        run(FaultySession(complete, at="/on-time", fault=404))
    assert complete.state["resources"] == before


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("at", ["/alertPolicies", 1])
def test_what_passes_is_tried_again(complete: Project, at: int | str, fault: int | str) -> None:
    wanted = kept(complete)
    drifted(complete)
    run(FaultySession(complete, at=at, fault=fault, times=3))
    assert kept(complete) == wanted


@pytest.mark.parametrize(
    ("at", "fault"), [*((at, fault) for at in CREATIONS for fault in ("kill", "lost")), (0, 403), (1, 503), (9, 403)]
)
def test_a_first_run_that_ends_anywhere_is_taken_up_again(complete: Project, at: int, fault: int | str) -> None:
    wanted = kept(complete)
    complete.state = NOTHING
    session = FaultySession(complete, at=at, fault=fault, times=1 if fault in {"kill", "lost"} else 1000)
    if fault == "lost":
        run(session)
    else:
        with pytest.raises((Killed, GoogleError)):
            run(session)
        assert len(set(session.writes[at:])) == 1
        run(FaultySession(complete))
    assert kept(complete) == wanted


@pytest.mark.parametrize("fault", ["kill", "lost"])
@pytest.mark.parametrize("at", REPAIRS)
def test_a_repair_that_ends_anywhere_is_taken_up_again(complete: Project, at: int, fault: int | str) -> None:
    wanted = kept(complete)
    drifted(complete)
    session = FaultySession(complete, at=at, fault=fault, times=1)
    with contextlib.suppress(Killed, GoogleError):
        run(session)
    run(FaultySession(complete))
    assert kept(complete) == wanted


@pytest.mark.parametrize("fault", ["kill", "lost"])
@pytest.mark.parametrize("at", REMOVALS)
def test_a_removal_that_ends_anywhere_is_taken_up_again(complete: Project, at: int, fault: int | str) -> None:
    with contextlib.suppress(Killed, GoogleError):
        run(FaultySession(complete, at=at, fault=fault, times=1), nothing)
    run(FaultySession(complete), nothing)
    assert complete.state["resources"] == NOTHING["resources"]


def test_creations_and_repairs_are_counted(project: Project) -> None:
    first, repair, removal = FaultySession(project), FaultySession(project), FaultySession(project)
    run(first)
    drifted(project)
    run(repair)
    run(removal, nothing)
    assert (len(first.writes), len(repair.writes), len(removal.writes)) == (len(CREATIONS), len(REPAIRS), len(REMOVALS))
