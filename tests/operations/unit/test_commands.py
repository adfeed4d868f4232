"""Commands are imported when they are called, and listed as they describe themselves."""

import functools
import json
import subprocess
import sys
from collections.abc import Iterable
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
    shared = {"__init__", "app", "examples", "group", "lazy_command", "passed_on", "refusals", "reports_group"}
    shared.add("personal_data")  # of reports users
    modules = {path.stem for path in (ROOT / "operations" / "commands").glob("*.py")} - shared
    assert {name.replace("-", "_") for name in COMMANDS} - {"run", "up", "deploy", "drill"} == modules


_BARE = """
import typer
app = typer.Typer()
@app.command()
def bare(limit: int = 3) -> None: ...
@app.command()
def other() -> None: ...
"""
_REPORTS = "from operations.commands.app import app"
_OWN = {"deployment", "functions", "kinds", "operations", "report_kit"}
_MOST_OWN = 25
"""So many modules of this repository the help of a command may import: those of operations/commands, what prints, and
some enums. A record or a client brings as many again."""


def _paths(name: str, command: Any) -> list[str]:
    below = getattr(command, "commands", {})
    return [name, *(path for each in below for path in _paths(f"{name} {each}", below[each]))]


@functools.cache
def _imported(program: str, *arguments: str) -> tuple[str, set[str]]:
    """What a program prints, and the modules that it imports."""
    program += (
        "\nimport sys\ntry:\n    app(prog_name='reports')\nfinally:\n    print('', *sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    *lines, modules = done.stderr.splitlines()
    return done.stdout + "\n".join(lines), set(modules.split())


_EACH = """
import contextlib, io, json, os, sys
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    app(["bare", "--help"], prog_name="reports")
for path in sys.argv[1:]:
    if os.fork() == 0:
        shown = io.StringIO()
        with contextlib.suppress(SystemExit), contextlib.redirect_stdout(shown):
            from operations.commands.app import app
            app([*path.split(), "--help"], prog_name="reports")
        print(json.dumps([path, shown.getvalue(), list(sys.modules)]), flush=True)
        os._exit(0)
    os.wait()
"""
"""Forks for each command: what all of them import to show any help is imported once."""

PATHS = [path for name, lazy in COMMANDS.items() for path in _paths(name, lazy.command)]


@functools.cache
def _helps() -> dict[str, tuple[str, set[str]]]:
    """What the help of each command prints, and the modules that are imported then."""
    done = subprocess.run(
        [sys.executable, "-c", _BARE + _EACH, *PATHS], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {path: (text, set(modules)) for path, text, modules in map(json.loads, done.stdout.splitlines())}


def _packages(modules: Iterable[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules} - set(sys.stdlib_module_names)


@pytest.mark.starts_process
@pytest.mark.parametrize("arguments", [["--help"], [], ["nonsense"]], ids=["help", "nothing", "a typing error"])
def test_the_list_of_commands_imports_none_of_them(arguments: list[str]) -> None:
    text, imported = _imported(_REPORTS, *arguments)
    assert "usage: reports" in text.lower() or "see reports --help" in text.lower()
    assert _packages(imported) - _packages(_imported(_BARE, *(arguments or ["--help"]))[1]) == {"operations"}


@pytest.mark.starts_process
@pytest.mark.parametrize("path", PATHS)
def test_help_imports_nothing_that_only_the_work_needs(path: str) -> None:
    text, imported = _helps()[path]
    assert f"usage: reports {path}" in text.lower()
    assert _packages(imported) - _packages(_imported(_BARE, "bare", "--help")[1]) <= _OWN
    own = {module for module in imported if module.partition(".")[0] in _OWN}
    assert len(own) <= _MOST_OWN, sorted(own)
