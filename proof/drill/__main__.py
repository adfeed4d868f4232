"""`./reports drill`: sends reports through a pipeline of its own, and counts them at the other end."""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from functions.shared.project_files import PIPELINE, own_project, project_folder
from operations.commands.group import confirm
from operations.commands.refusals import end_of
from operations.errors import ExitStatus, OperatorError
from operations.output import Output
from operations.releases.running_versions import checkout_version
from operations.sizing.plan import Plan, recommended
from proof.drill.course import play
from proof.drill.local_place import LocalPlace, left_locally, remove_locally
from proof.drill.place import Place
from proof.drill.price import estimate
from proof.drill.result import result

_INTERRUPTED = 130
_MOST_REPORTS = 1_000_000
"""The drill keeps the id of each in memory until it has counted them."""


def main(arguments: Sequence[str]) -> int:
    """Carry out the command.

    Returns:
        the exit status: 0 where no report was lost or doubled.
    """
    parser = argparse.ArgumentParser(prog="reports drill", description=__doc__, allow_abbrev=False)
    parser.add_argument("--reports", type=int, default=10_000, metavar="N", help="how many are due; default: 10,000")
    parser.add_argument("--kill", action="store_true", help="have processes exit at named steps, and pause the queues")
    parser.add_argument("--local", action="store_true", help="on a local cloud of its own, without an account")
    parser.add_argument("--yes", action="store_true", help="do not ask whether to spend the estimated cost")
    parser.add_argument("--clean", action="store_true", help="only remove what drills have left that were killed")
    parser.add_argument("--bill", metavar="TABLE", help="only say what drills cost, by the detailed export of the bill")
    options = parser.parse_args(arguments)
    if not 1 <= options.reports <= _MOST_REPORTS:
        parser.error(f"--reports: a number from 1 to {_MOST_REPORTS:,}")
    output = Output()
    try:
        if options.clean:
            return _clean(output)
        if options.bill:
            from proof.drill.bill import COLUMNS, costs

            spent = costs(_given("PROJECT_ID")["PROJECT_ID"], options.bill)
            output.rows(spent, COLUMNS, empty="The bill has no drill yet: it takes a day or two.")
            return ExitStatus.DONE
        return _drill(options, output)
    except KeyboardInterrupt:
        if any(_left()):
            output.warn("./reports drill --clean removes what the drill has left.")
        return _INTERRUPTED
    except Exception as error:
        if end := end_of(_as_operators(error)):
            return end.exit_code
        raise


def _drill(options: argparse.Namespace, output: Output) -> int:
    plan = recommended(options.reports)
    place: Place = LocalPlace(_folder(), plan, kills=options.kill) if options.local else _google(options, plan, output)
    began = datetime.now(UTC)
    with place.made() as session:
        played = play(session, place, reports=options.reports, kills=options.kill, output=output)
        version = checkout_version(project=own_project())
        title = f"A drill of {options.reports:,} reports on {place.name}, {began:%Y-%m-%d}"
        settings = {"version": version.version or "", "commit": version.commit or "", **place.settings}
        page = result(played, title=title, settings=settings)
        # Before all is removed, which can fail.
        for line in page.splitlines():
            output.say(line)
        file = _folder() / f"{began:%Y%m%dT%H%M%SZ}.md"
        file.parent.mkdir(exist_ok=True)
        file.write_text(page, encoding="utf-8")
    return ExitStatus.DONE if played.tally.keeps_promise else ExitStatus.FAILED


def _google(options: argparse.Namespace, plan: Plan, output: Output) -> Place:
    # Only here: the packages of a deployment are not always there.
    from proof.drill.google_place import GooglePlace, write_settings

    given = _given("PROJECT_ID", "REGION")
    dollars, minutes = estimate(plan)
    where = f"{given['PROJECT_ID']}, {given['REGION']}"
    question = (
        f"send {plan.reports:,} reports to no one in {where}, in about {minutes} minutes, for about ${dollars:.2f}"
    )
    confirm(output, question, yes=options.yes)
    return GooglePlace(write_settings(_folder(), given, plan), plan, kills=options.kill)


def _clean(output: Output) -> ExitStatus:
    status = ExitStatus.DONE
    for left in _left():
        try:
            if left.is_dir():
                remove_locally(left)
            else:
                _remove_from_google(left)
        except (OperatorError, OSError) as error:
            output.warn(str(error))
            status = ExitStatus.FAILED
        else:
            output.say(f"{left.stem} is removed.")
    if status is ExitStatus.DONE:
        output.say("Nothing of a drill is left.")
    return status


def _remove_from_google(file: Path) -> None:
    from proof.drill.google_place import GooglePlace

    GooglePlace(file, recommended(1), kills=False).remove()


def _given(*needed: str) -> dict[str, str]:
    from deployment.env_file import given
    from deployment.kinds import load_kinds
    from deployment.options import Options

    project = own_project() or PIPELINE
    found = given(Options(), os.environ, project, load_kinds(PIPELINE, project))
    for name in needed:
        if not found.get(name):
            raise OperatorError(f"{name} is not set: put it into deploy.env, or try a drill with --local.")
    return found


def _as_operators(error: Exception) -> Exception:
    """An error of the deployment's parts as one that ends a command with a line."""
    if type(error).__name__ not in {"GoogleError", "Stopped"}:
        return error
    return OperatorError(getattr(error, "message", "") or " ".join(map(str, error.args)))


def _left() -> list[Path]:
    return [*left_locally(_folder()), *sorted(_folder().glob("drill-*.env"))]


def _folder() -> Path:
    return project_folder() / ".drill"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
