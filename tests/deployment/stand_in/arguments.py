"""A command line, held against the table of the real gcloud's flags."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def read_json(path: str | Path) -> Any:
    """The document in a file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


TABLE = read_json(Path(__file__).parent.parent / "gcloud_flags.json")


class Refused(Exception):
    """gcloud ends with a message and an exit status: 2 for a command line that it does not take, 1 otherwise."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class CommandLine:
    """What was asked for.

    Attributes:
        command: the words of the command.
        positionals: the other words.
        flags: the values of the flags, by name without dashes; a list where a flag was given more than once.
    """

    def __init__(self, words: list[str]) -> None:
        self.command, rest = _split(words, TABLE["commands"])
        spec = TABLE["commands"][self.command]
        self.flags: dict[str, Any] = {}
        self.positionals: list[str] = []
        given: list[tuple[str, str | None]] = []
        while rest:
            word = rest.pop(0)
            if not word.startswith("--"):
                self.positionals.append(word)
                continue
            name, separator, value = word.partition("=")
            if name == "--flags-file":
                given += _read_flags_file(value)
            else:
                given.append((name, value if separator else None))
        for name, argument in given:
            self._take(name, argument, spec["flags"], set(TABLE["wide"]))
        if spec["positionals"] >= 0 and len(self.positionals) > spec["positionals"]:
            raise self.error(f"unrecognized arguments: {self.positionals[-1]}")
        if spec["positionals"] != 0 and not self.positionals and not self.command.startswith("auth "):
            raise self.error("argument: Must be specified.")

    def _take(self, name: str, value: str | None, flags: dict[str, Any], wide: set[str]) -> None:
        kind = flags.get(name, name not in {"--quiet", "--help", "--log-http"} if name in wide else None)
        if kind is None:
            raise self.error(f"unrecognized arguments: {name}")
        if kind is False and value is not None:
            raise self.error(f"argument {name}: ignored explicit argument '{value}'")
        if kind is not False and value is None:
            raise self.error(f"argument {name}: expected one argument")
        if isinstance(kind, list) and str(value).lower() not in kind:
            raise self.error(f"argument {name}: Invalid choice: '{value}'.")
        key = name.removeprefix("--")
        if key in {"field-config", "index", "threshold-rule", "add-threshold-rule"}:
            self.flags.setdefault(key, []).append(value)
        else:
            self.flags[key] = True if value is None else value

    def error(self, message: str) -> Refused:
        """How gcloud refuses a command line."""
        return Refused(f"ERROR: (gcloud.{self.command.replace(' ', '.')}) {message}", 2)


def command_of(words: list[str]) -> str:
    """The words of the command, without what is given to it."""
    return _split(words, TABLE["commands"])[0]


def _split(words: list[str], commands: dict[str, Any]) -> tuple[str, list[str]]:
    for count in range(min(5, len(words)), 0, -1):
        command = " ".join(words[:count])
        if command in commands:
            return command, list(words[count:])
    raise Refused(f"ERROR: (gcloud) Invalid choice: '{' '.join(words[:3])}'.", 2)


def _read_flags_file(path: str) -> Iterator[tuple[str, str]]:
    """The flags of a file such as queue.yaml; only the plain form is known here."""
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            match = re.fullmatch(r"(--[a-z-]+):\s+(\"(?P<quoted>[^\"]*)\"|(?P<plain>\S.*?))(\s+#.*)?\s*", line)
            if match is None:
                raise Refused(f"ERROR: gcloud crashed: {path} is not a flags file: {line}", 1)
            yield match[1], match["quoted"] if match["plain"] is None else match["plain"]
