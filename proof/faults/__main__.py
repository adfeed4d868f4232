"""`python -m proof.faults`: injects faults, and says whether the pipeline kept its promise."""

import argparse
import asyncio
import os
import platform
import random
import shlex
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from local_cloud.errors import LocalCloudError
from operations.__main__ import INTERRUPTED
from proof.faults.older_version import OlderVersionMissing
from proof.faults.runner import Played, play
from proof.faults.scenario_run import FEW_REPORTS, Scenario
from proof.faults.scenarios import OF_PROVIDER
from proof.faults.tables_page import FIGURES, counts, make_page
from proof.faults.world import World
from tests.support import REPOSITORY

_SHOWN_VIOLATIONS = 20
_PLAIN_WIDTH = 200
_ALL = "all"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument(
        "--reports",
        type=int,
        default=1000,
        help=f"how many are due at first, over all scenarios; {FEW_REPORTS} a scenario at least",
    )
    parser.add_argument("--seed", type=int, default=None, help="of all chance; a new one unless given")
    parser.add_argument(
        "--provider", choices=[*OF_PROVIDER, _ALL], default=_ALL, help="through whom the worker sends; all by default"
    )
    parser.add_argument("--scenario", action="append", default=[], help="part of a name; may be given several times")
    parser.add_argument("--logs", type=Path, default=None, help="where the functions' logs go")
    parser.add_argument("--markdown", type=Path, default=None, help="a file to write the tables to as well")
    parser.add_argument("--list", action="store_true", help="name the scenarios, and end")
    arguments = parser.parse_args()
    if arguments.markdown is not None and not arguments.markdown.parent.is_dir():
        parser.error(f"there is no folder {arguments.markdown.parent}")
    return arguments


async def _play_all(
    world: World, chosen: list[Scenario], results: list[Played], *, reports: int, seed: int, console: Console
) -> None:
    """Add what is played to the results. What cannot be played is said to the console."""
    unplayed = []
    try:
        with console.status("Starting the local cloud and the functions"):
            await world.start()
        for number, scenario in enumerate(chosen, start=1):
            with console.status(f"{number}/{len(chosen)} {_shown(scenario)}"):
                try:
                    results.append(await play(world, scenario, seed=seed, reports=reports // len(chosen)))
                except OlderVersionMissing as missing:
                    unplayed.append(f"{_shown(scenario)}: not played, since {missing}")
                    continue
            if not console.is_terminal:
                shown = f"{number}/{len(chosen)} {_shown(scenario)}: {results[-1].seconds:.1f} s"
                console.print(shown, highlight=False)
            if results[-1].violations:
                console.print(f"[red]{_shown(scenario)} broke the promise")
    finally:
        await world.stop()
    for line in unplayed:
        console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)


def _show(results: list[Played], *, seed: int, console: Console) -> None:
    table = Table("scenario", title=f"seed {seed}", show_footer=True)
    for name, total in zip((*FIGURES, "seconds"), counts(results), strict=True):
        table.add_column(name, total, justify="right")
    group = ("", "")
    for result in results:
        if (result.scenario.provider, result.scenario.group) != group:
            group = (result.scenario.provider, result.scenario.group)
            table.add_section()
        style = "red" if result.violations else None
        table.add_row(_shown(result.scenario), *counts([result]), style=style)
    console.print(table)
    for result in results:
        for note in result.notes:
            console.print(f"{_shown(result.scenario)}: {note}", highlight=False)
    for result in results:
        if result.violations:
            console.print(f"\n[red]{_shown(result.scenario)}")
            for violation in result.violations[:_SHOWN_VIOLATIONS]:
                console.print(f"  {violation}", markup=False, highlight=False)
            if (more := len(result.violations) - _SHOWN_VIOLATIONS) > 0:
                console.print(f"  and {more} more")


def _shown(scenario: Scenario) -> str:
    return f"{scenario.provider}, {scenario}"


def _command(chosen_seed: int | None) -> str:
    """What plays the same again: the command as it was given, and the seed if the harness chose it."""
    seed = [] if chosen_seed is None else ["--seed", str(chosen_seed)]
    return f'make faults ARGS="{shlex.join([*sys.argv[1:], *seed])}"'


def _commit() -> str:
    asked = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(asked, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.strip()
    except (FileNotFoundError, subprocess.CalledProcessError):
        return "unknown"


def main() -> int:
    """Play the scenarios of the command line.

    Returns:
        0 if no rule was broken, 1 if one was, 2 if nothing could be played, 130 after Ctrl-C.
    """
    arguments = _arguments()
    console = Console()
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    chosen = [
        scenario
        for provider, theirs in OF_PROVIDER.items()
        if arguments.provider in {provider, _ALL}
        for scenario in theirs
        if not arguments.scenario or any(part in str(scenario) for part in arguments.scenario)
    ]
    if not chosen:
        console.print("No scenario has that in its name: see --list.")
        return 2
    if arguments.list:
        for scenario in chosen:
            console.print(_shown(scenario), highlight=False)
        return 0
    seed = random.SystemRandom().randrange(1_000_000) if arguments.seed is None else arguments.seed
    console.print(f"seed {seed}", highlight=False)
    commit = _commit()
    with tempfile.TemporaryDirectory() as temporary:
        logs = arguments.logs or Path(temporary)
        results: list[Played] = []
        try:
            world = World(logs)
            asyncio.run(_play_all(world, chosen, results, reports=arguments.reports, seed=seed, console=console))
        except LocalCloudError as error:
            console.print(str(error))
            return 2
        except KeyboardInterrupt:
            if results:
                _show(results, seed=seed, console=console)
            console.print(f"Stopped: {len(results)} of {len(chosen)} scenarios were played.")
            return INTERRUPTED
    if not results:
        return 2
    _show(results, seed=seed, console=console)
    if arguments.markdown is not None:
        machine = (
            f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
        )
        page = make_page(
            results,
            command=_command(seed if arguments.seed is None else None),
            commit=commit,
            machine=machine,
            on=datetime.now(UTC).date(),
        )
        arguments.markdown.write_text(page, encoding="utf-8")
    broken = [result.scenario for result in results if result.violations]
    if broken:
        console.print("\nTo play these again:")
        options = " ".join(f'--scenario "{scenario.name}"' for scenario in broken)
        if len(providers := {scenario.provider for scenario in broken}) == 1:
            options = f"--provider {min(providers)} {options}"
        reports = arguments.reports // len(chosen) * len(broken)
        console.print(
            f"  make faults ARGS='--seed {seed} --reports {reports} {options}'", highlight=False, soft_wrap=True
        )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
