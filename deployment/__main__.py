"""The part of a deployment that is declared as data: deploy.sh calls it for its steps.

    python -m deployment STEP NOTES     the settings are in the environment, as deployment/python.sh puts them there

NOTES is a folder: each line of the sum at the end goes there. PLAN_JSON, if set, is a file that gets the step's plan.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from google.auth.exceptions import DefaultCredentialsError

from deployment.engine.credentials import session
from deployment.engine.declared import Declared
from deployment.engine.discovery import InvalidRequest
from deployment.engine.google_client import GoogleClient
from deployment.engine.google_error import GoogleError
from deployment.engine.plan import WrongResource, names_of, plan, printable, request_of
from deployment.engine.run import apply, read
from deployment.flags_file import UnknownFlag
from deployment.report import Report
from deployment.resources.budget import budget
from deployment.resources.monitoring import monitoring, nothing_of_monitoring
from deployment.resources.queues import no_queues, queues
from deployment.resources.topics import topics
from deployment.settings import Settings

STEPS: dict[str, Callable[[Settings, GoogleClient], list[Declared]]] = {
    "messaging": lambda settings, _: [*topics(settings), *queues(settings)],
    "no-messaging": lambda settings, client: [
        *no_queues(settings, client),
        *(each.gone() for each in topics(settings)),
    ],
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
    dry_run = said["DRY_RUN"] == "yes"
    report = Report(notes=Path(notes), dry_run=dry_run, check=said["CHECK"] == "yes", verbose=said["VERBOSE"] == "yes")
    settings = Settings.of(said)
    client = GoogleClient(
        session(settings.project),
        settings.project,
        say=lambda line: print(line, file=sys.stderr),
        apis_may_be_off=said["APIS_ON"] != "yes",
    )
    declared = STEPS[step](settings, client)
    steps = plan(declared, read(declared, client))
    printed = printable(steps)
    if "PLAN_JSON" in said:
        Path(said["PLAN_JSON"]).write_text(json.dumps(printed, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    for each in steps:
        report.differs(each)
        if dry_run:
            if (request := request_of(each, names_of(steps))) is not None:
                report.planned(request)
            report.done(each)
    if not dry_run:
        apply(steps, client, report.done)


def stop(step: str, lines: list[str]) -> None:
    """Say why the run ends, on standard error."""
    print(f'\nStopped in step "{step}".', *(f"  {line}" for line in lines), sep="\n", file=sys.stderr)
    print(
        f"  Then run {os.environ['AGAIN']} again: what is done stays done, and it goes on from here.", file=sys.stderr
    )
    sys.exit(1)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except GoogleError as error:
        stop(sys.argv[1], list(error.report(os.environ["PROJECT_ID"])))
    except InvalidRequest as error:
        stop(sys.argv[1], [f"Google's interface has no such request: {error}"])
    except KeyboardInterrupt:
        # deploy.sh says so. Nothing waits for the reads that still run.
        os._exit(130)
    except UnknownFlag as error:
        stop(sys.argv[1], [str(error)])
    except WrongResource as error:
        stop(sys.argv[1], list(error.args))
    except DefaultCredentialsError as error:
        stop(sys.argv[1], [str(error), "What to do: log in: gcloud auth login"])
