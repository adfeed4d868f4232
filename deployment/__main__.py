"""Takes a Google Cloud project to a running pipeline, and keeps it there: `./deploy.sh` calls it.

docs/guides/deployment.md explains all of it.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from google.auth.exceptions import DefaultCredentialsError
from google.auth.transport.requests import AuthorizedSession

from deployment.bootstrap import bootstrap
from deployment.checkout import pipeline_of
from deployment.checks import check_everything
from deployment.console import set_up_console
from deployment.engine.credentials import session
from deployment.engine.discovery import InvalidRequest
from deployment.engine.google_client import GoogleClient
from deployment.engine.google_error import GoogleError
from deployment.engine.plan import WrongResource
from deployment.env_file import given
from deployment.flags_file import UnknownFlag
from deployment.functions import set_up_functions
from deployment.kinds import load_kinds
from deployment.lock import give_back_lock, keep_record
from deployment.members import foreign_members, policies_to_look_at
from deployment.options import USAGE, Options, WrongUsage, options_of
from deployment.release import release
from deployment.report import Report
from deployment.resources.budget import budget
from deployment.resources.encryption import tasks_key
from deployment.resources.firestore import indexes
from deployment.resources.monitoring import monitoring
from deployment.resources.queues import queues
from deployment.resources.topics import topics
from deployment.rules import set_up_rules
from deployment.run import Run
from deployment.schedule import set_up_schedule
from deployment.secret_values import set_up_secrets
from deployment.sender import check_sender
from deployment.settings import settings_of
from deployment.smoke import smoke_test
from deployment.stopped import Stopped
from deployment.teardown import tear_down
from deployment.transcript import kept, last_run
from deployment.webhooks import webhook_url
from functions.shared.project_files import PIPELINE, deploy_command, own_project

_DIFFERENT = 3
_INTERRUPTED = 130


def _usage() -> str:
    return USAGE.replace("./deploy.sh", deploy_command())


def main(
    arguments: Sequence[str],
    *,
    root: Path = PIPELINE,
    connect: Callable[[str], AuthorizedSession] = session,
    wait: Callable[[float], None] = time.sleep,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Carry out a run with the arguments of a command line, and return its exit status. `connect` makes the session
    that sends requests, for a project."""
    try:
        options = options_of(arguments)
    except WrongUsage as error:
        options_of_command = f"{deploy_command()}{' --' if own_project() else ''} --help"
        print(f"{error} See {options_of_command}.", file=sys.stderr)
        return 2
    if options.help:
        print(_usage(), end="")
        return 0
    if options.report:
        return _run(options, root=root, connect=connect, wait=wait, now=now)
    with kept(options.again, now):
        return _run(options, root=root, connect=connect, wait=wait, now=now)


def _run(
    options: Options,
    *,
    root: Path,
    connect: Callable[[str], AuthorizedSession],
    wait: Callable[[float], None],
    now: Callable[[], datetime],
) -> int:
    report = Report(options=options)
    run: Run | None = None
    status = 1
    wrong: list[str] = []
    try:
        project = own_project() or root
        kinds = load_kinds(root, project)
        texts = given(options, os.environ, project, kinds)
        if options.report:
            return _say_last_run(root, texts["PROJECT_ID"])
        settings, wrong = settings_of(texts, root=root, project=project, options=options, kinds=kinds, now=now())
        # Until the run has enabled what it needs, a disabled interface is an answer. A release enables nothing, and
        # what it cannot read may be there.
        client = GoogleClient(
            connect(settings.project_id),
            settings.project_id,
            wait=wait,
            now=now,
            say=_say,
            apis_may_be_off=not options.release,
        )
        # Two deployments of one second are two.
        stamp = f"{now():%Y%m%dt%H%M%S%fz}-{os.getpid()}"
        client.remember()
        run = Run(options=options, settings=settings, client=client, report=report, wait=wait, now=now, stamp=stamp)
        run.keep = keep_record
        status = _carry_out(run, wrong)
    except KeyboardInterrupt:
        where = f' in step "{report.current}"' if report.current else ""
        print(f"\nInterrupted{where}. Run {options.again} again: it goes on from here.", file=sys.stderr)
        if options.canary:
            print(f"To end the canary: {options.itself} --rollback.", file=sys.stderr)
        status = _INTERRUPTED
    except Stopped as stopped:
        _stop(report, f": {stopped.args[0]}", *stopped.args[1:])
    except GoogleError as error:
        _stop_and_go_on(report, *error.report(run.settings.project_id if run else ""))
    except InvalidRequest as error:
        _stop_and_go_on(report, f"Google's interface has no such request: {error}")
    except (UnknownFlag, WrongResource) as error:
        _stop_and_go_on(report, *map(str, error.args))
    except DefaultCredentialsError as error:
        log_in = "What to do: log in: gcloud auth application-default login, or gcloud auth login"
        _stop_and_go_on(report, str(error), log_in, *wrong)
    finally:
        if run:
            give_back_lock(run)
    return status


def _carry_out(run: Run, wrong: list[str]) -> int:
    options, report = run.options, run.report
    if options.release:
        release(run)
    else:
        check_everything(run, wrong)
        if options.teardown:
            tear_down(run)
        else:
            _deploy(run)
    report.current = ""
    if options.plan_json:
        text = json.dumps(run.plan, indent=2, ensure_ascii=False)
        Path(options.plan_json).write_text(f"{text}\n", encoding="utf-8")
    if run.acts and not options.dry_run:
        report.say("Carrying that out")
        run.carry_out()
        report.current = ""
    give_back_lock(run, has_removed_all=options.teardown)
    _sum_up(run)
    report.say_last()
    if options.check and any(report.counts[verb] for verb in ("created", "changed", "removed", "by-hand")):
        return _DIFFERENT
    return 0


def _deploy(run: Run) -> None:
    options, report = run.options, run.report
    bootstrap(run)
    if options.bootstrap:
        return
    if options.does("firestore"):
        report.step("firestore", "Firestore indexes")
        run.bring(indexes(run.settings))
    if options.does("secrets"):
        set_up_secrets(run)
    if options.does("messaging"):
        report.step("messaging", "Topics and queues")
        run.bring([*tasks_key(run.settings), *topics(run.settings), *queues(run.settings, run.now().date())])
    if options.does("functions"):
        check_sender(run)
        set_up_functions(run)
    if options.does("scheduler"):
        report.step("scheduler", "Scheduler")
        set_up_schedule(run)
    if options.does("monitoring"):
        report.step("monitoring", "Monitoring")
        run.bring([*monitoring(run.settings), *budget(run.settings, run.client)])
    if options.firestore_rules:
        set_up_rules(run)
    if options.console:
        set_up_console(run)
    # A part of the run grants a part of a policy's bindings.
    if not options.only:
        report.step("members", "Members")
        if options.check:
            run.bring(policies_to_look_at(run.settings))
        for lines in foreign_members(run.settings, report.granted, report.known):
            report.by_hand(*lines)
    if options.smoke:
        smoke_test(run)


def _sum_up(run: Run) -> None:
    options, settings, say, counts = run.options, run.settings, run.report.say, run.report.counts
    created, changed, removed, unchanged = (counts[verb] for verb in ("created", "changed", "removed", "unchanged"))
    say("")
    if options.check:
        say(
            f"Check: nothing was changed. Missing: {created}, different: {changed}, too many: {removed}, changed by "
            f"hand: {counts['by-hand']}, as it should be: {unchanged}."
        )
        if not options.console:
            say("The console was left out: --check --console looks at it, too.")
        return
    if options.dry_run:
        say(
            f"Dry run: nothing was changed. To be created: {created}, to be changed: {changed}, to be removed: "
            f"{removed}, as it should be: {unchanged}."
        )
        return
    say(f"Done. Created: {created}, changed: {changed}, removed: {removed}, left alone: {unchanged}.")
    if options.teardown or options.release:
        return
    if options.bootstrap:
        deployer = settings.deployer
        who = f", as {deployer} with DEPLOYER={deployer} in its settings" if deployer else ""
        say(f"All else is deployed by {deploy_command()}, without --bootstrap{who}.")
        return
    if options.canary:
        say(f"A canary stays until {options.itself} --promote or --rollback; --check shows how it does.")
    addresses = {
        "Dispatcher": settings.url("dispatcher"),
        "Worker": settings.url("worker"),
        "Mail events": webhook_url(run, settings.mail_provider) if settings.with_mail_events else "",
        "Page": settings.url("preferences") if settings.with_page else "",
        "API": settings.url("api") if settings.api_callers else "",
        "Console": settings.url("console") if options.console else "",
    }
    for title, address in addresses.items():
        if address:
            say(f"  {title:11} {address}")
    place = f"{settings.job} --location={settings.region} --project={settings.project_id}"
    say(f"  Schedule    gcloud scheduler jobs describe {place}")
    say(f"  Run now     gcloud scheduler jobs run {place}")
    say(f"  Logs        https://console.cloud.google.com/run?project={settings.project_id}")
    say(f"  Dashboard   https://console.cloud.google.com/monitoring/dashboards?project={settings.project_id}")
    if not (settings.alert_email or settings.notification_channels):
        say("No one gets alerts yet: set ALERT_EMAIL or NOTIFICATION_CHANNELS in deploy.env and run this again.")


def _say_last_run(root: Path, project_id: str) -> int:
    text = last_run(pipeline_of(root), project_id)
    print(text or f"No run of {deploy_command()} by this user is kept on this machine.", end="" if text else "\n")
    return 0 if text else 1


def _stop(report: Report, first: str, *rest: str) -> None:
    where = f' in step "{report.current}"' if report.current else ""
    print(f"\nStopped{where}{first}", *(f"  {line}" for line in rest), sep="\n", file=sys.stderr)


def _stop_and_go_on(report: Report, *lines: str) -> None:
    again = f"Then run {report.options.again} again: what is done stays done, and it goes on from here."
    _stop(report, ".", *lines, again)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    ended_with = main(sys.argv[1:])
    sys.stdout.flush()
    # Nothing waits for what an interrupted run still reads.
    os._exit(ended_with)
