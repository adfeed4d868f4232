"""The part of a deployment that is declared as data: deploy.sh calls it for its steps.

    python -m deployment STEP NOTES     the settings are in the environment, as deployment/python.sh puts them there

NOTES is a folder: each line of the sum at the end goes there. PLAN_JSON, if set, is a file that gets the step's plan.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from deployment.client import client_of
from deployment.engine.declared import Declared
from deployment.engine.google_client import GoogleClient
from deployment.engine.plan import PolicyStep, plan, printable
from deployment.engine.run import read
from deployment.members import foreign_members, policies_to_look_at
from deployment.report import Report
from deployment.resources.accounts import accounts, no_accounts, no_roles, repository
from deployment.resources.budget import budget
from deployment.resources.console import console_account, console_callers, console_roles
from deployment.resources.deployer import deployer
from deployment.resources.firestore import database, indexes, no_indexes
from deployment.resources.monitoring import monitoring, nothing_of_monitoring
from deployment.resources.project import PROJECT, superfluous_roles
from deployment.resources.queues import no_queues, queues
from deployment.resources.schedule import job
from deployment.resources.secrets import former_readers, readers
from deployment.resources.services import callers
from deployment.resources.topics import topics
from deployment.settings import Settings
from deployment.stopping import saying_why

STEPS: dict[str, Callable[[Settings, GoogleClient], list[Declared]]] = {
    "accounts": lambda settings, _: accounts(settings),
    "repository": lambda settings, _: repository(settings),
    "no-repository": lambda settings, _: [each.gone() for each in repository(settings)],
    "no-roles": lambda settings, _: no_roles(settings),
    "no-accounts": lambda settings, _: no_accounts(settings),
    "deployer": deployer,
    "readers": readers,
    "callers": lambda settings, _: callers(settings),
    "former": lambda settings, client: [
        # Alone, the step may not have granted the database that the functions now need.
        *superfluous_roles(settings, () if os.environ["ONLY"] else settings.deployed),
        *former_readers(settings, client),
    ],
    "console-account": lambda settings, _: console_account(settings),
    "console-roles": console_roles,
    "console-callers": lambda settings, _: [*console_callers(settings), *superfluous_roles(settings, ("console",))],
    "members": lambda settings, _: policies_to_look_at(settings) if os.environ["CHECK"] == "yes" else [],
    "database": database,
    "indexes": lambda settings, _: indexes(settings),
    "no-indexes": no_indexes,
    "messaging": lambda settings, _: [*topics(settings), *queues(settings)],
    "no-messaging": lambda settings, client: [
        *no_queues(settings, client),
        *(each.gone() for each in topics(settings)),
    ],
    "no-schedule": lambda settings, _: [job(settings, is_marked=False).gone()],
    "monitoring": lambda settings, client: [*monitoring(settings), *budget(settings, client)],
    "no-monitoring": lambda settings, client: [
        *(each.gone() for each in budget(settings, client)),
        *nothing_of_monitoring(settings),
    ],
}


def main(step: str, notes: str) -> None:
    """Bring a step's resources to what is declared; in a dry run, print what would change.

    Raises:
        GoogleError: a request failed.
        InvalidRequest: a declared resource is none that Google's interface takes.
    """
    said = os.environ
    report = Report.of(said, notes)
    settings = Settings.of(said)
    client = client_of(said)
    declared = STEPS[step](settings, client)
    if step == "no-indexes" and not declared:
        report.shared()
    steps = plan(declared, read(declared, client))
    printed = printable(steps)
    if "PLAN_JSON" in said:
        Path(said["PLAN_JSON"]).write_text(json.dumps(printed, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if settings.deployer and not report.only_says and said["BOOTSTRAP"] == said["TEARDOWN"] == "no":
        administrators = [each for each in steps if isinstance(each, PolicyStep) and each.declared.kind == PROJECT]
        steps = [each for each in steps if each not in administrators]
        for each in administrators:
            report.asks(each)
    report.carry_out(steps, client)
    if step == "members":
        for lines in foreign_members(settings, report.notes):
            report.by_hand(lines)


if __name__ == "__main__":
    with saying_why():
        main(*sys.argv[1:])
