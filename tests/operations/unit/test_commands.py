"""Commands are imported when they are called, and listed as they describe themselves."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from operations.commands.app import app

ROOT = Path(__file__).parents[3]
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_has_the_first_paragraph_of_the_commands_own_help(name: str) -> None:
    lazy = COMMANDS[name]
    assert lazy.help == " ".join(lazy.command.help.split("\n\n")[0].split())
    assert lazy.name == lazy.command.name
    assert (lazy.hidden, bool(lazy.deprecated)) == (lazy.command.hidden, bool(lazy.command.deprecated))


def test_every_module_of_a_command_is_in_the_list() -> None:
    shared = {"__init__", "app", "examples", "group", "lazy_command", "refusals", "reports_group"}
    shared.add("personal_data")  # of reports users
    modules = {path.stem for path in (ROOT / "operations" / "commands").glob("*.py")} - shared
    assert {name.replace("-", "_") for name in COMMANDS} == modules


@pytest.mark.starts_process
@pytest.mark.parametrize("arguments", [["--help"], [], ["nonsense"]], ids=["help", "nothing", "a typing error"])
def test_help_imports_nothing_that_only_a_command_needs(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom operations.commands.app import app\n"
        "try:\n    app(prog_name='reports')\n"
        "finally:\n    print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "usage: reports" in done.stdout.lower() or "see reports --help" in done.stderr.lower()
    imported = set(done.stderr.splitlines()[-1].split())
    assert "typer" in imported
    assert (
        imported & {"aiohttp", "functions", "google.api_core", "google.auth", "grpc", "requests", "structlog"} == set()
    )
