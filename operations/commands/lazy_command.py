"""A command that is imported when it is called.

All of them take a second of a processor, most of it for Google's clients and for the records that Pydantic validates.
So the module of a command imports at its top what the help needs, and in its functions what the work needs.
tests/operations/unit/test_commands.py says what help may import.
"""

import functools
import importlib
from typing import Any

import typer

from operations.commands.examples import EXAMPLES

_ELSEWHERE = dict.fromkeys(("run", "up", "deploy", "drill"), "passed_on")
"""The module of each command that has none of its own."""


class LazyCommand:
    """Stands for a command of `reports` in the list of them, and for the command itself as soon as more is asked of it.

    Args:
        name: the command's name: `dead-letters` is in `operations/commands/dead_letters.py`, as the application `app`
            or as a function of its name.
        help_line: its line in the list; of an application, also its help.
    """

    short_help = rich_help_panel = None
    hidden = deprecated = False

    def __init__(self, name: str, help_line: str) -> None:
        self.name = name
        self.help = help_line

    @functools.cached_property
    def command(self) -> Any:
        """The command."""
        function = self.name.replace("-", "_")
        module = importlib.import_module(f"operations.commands.{_ELSEWHERE.get(function, function)}")
        parent = typer.Typer(add_completion=False)
        if "app" in vars(module):
            parent.add_typer(module.app, name=self.name, help=self.help)
        else:
            parent.command(self.name, context_settings=vars(module).get("CONTEXT_SETTINGS"))(vars(module)[function])
        command = typer.main.get_group(parent).commands[self.name]
        _show_examples(self.name, command)
        return command

    def __getattr__(self, name: str) -> Any:
        return getattr(self.command, name)


def _show_examples(path: str, command: Any) -> None:
    """Put the example of a command, and of those below it, at the end of its help."""
    if path in EXAMPLES:
        command.epilog = f"Example: {EXAMPLES[path]}"
    for name, child in getattr(command, "commands", {}).items():
        _show_examples(f"{path} {name}", child)
