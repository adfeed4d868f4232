"""`./reports drill`: sends reports through a pipeline of its own, and counts them at the other end."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from functions.shared.project_files import own_project, project_folder
from operations.commands.refusals import end_of
from operations.output import Output
from operations.releases.running_versions import checkout_version
from proof.benchmarks.simulation.plan import recommended
from proof.benchmarks.simulation.scale import WITHIN
from proof.drill.course import play
from proof.drill.local_place import LocalPlace
from proof.drill.place import Place
from proof.drill.result import result

_INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Carry out the command.

    Returns:
        the exit status: 0 where no report was lost or doubled.
    """
    parser = argparse.ArgumentParser(prog="reports drill", description=__doc__)
    parser.add_argument("--reports", type=int, default=10_000, help="how many are due (10,000)")
    parser.add_argument("--kill", action="store_true", help="have processes exit at named steps, and pause the queues")
    parser.add_argument("--local", action="store_true", help="on a local cloud of its own, without an account")
    options = parser.parse_args(arguments)
    output = Output()
    drill = "kill" if options.kill else "on"
    place: Place = LocalPlace(recommended(options.reports, within=WITHIN), drill)
    try:
        with place.made() as session:
            played = play(session, place, reports=options.reports, kills=options.kill, output=output)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:
        if end := end_of(error):
            return end.exit_code
        raise
    version = checkout_version(project=own_project())
    now = datetime.now(UTC)
    title = f"A drill of {options.reports:,} reports on {place.name}, {now:%Y-%m-%d}"
    settings = {"version": version.version or "", "commit": version.commit or "", **place.settings}
    page = result(played, title=title, settings=settings)
    file = project_folder() / ".drill" / f"{now:%Y%m%dT%H%M%SZ}.md"
    file.parent.mkdir(exist_ok=True)
    file.write_text(page, encoding="utf-8")
    for line in page.splitlines():
        output.say(line)
    return 0 if played.tally.keeps_promise else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
