"""Does what a page says, in the order in which it says it, and compares what the page shows with what comes.

Of a page's blocks of code:
- `console` is carried out by bash, as a reader copies it. What keeps running until Ctrl-C is left running, and the rest
  goes on in another terminal.
- `diff` is what the reader changes in a file; a line that begins with `@@` stands between two changes.
- `text` after it is what the reader then sees: what a command has printed at its end, or what one that keeps running
  prints sooner or later; after a change, the latest that keeps running.
- All others are only shown.
"""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import requests

from tests.support import PATIENCE_SECONDS

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_KEEPS_RUNNING = re.compile(r"^make up\b|^\./reports up\b|--watch\b|--follow\b|^\./reports console\b", re.MULTILINE)
_LOOKS = re.compile(r"\./reports (deliveries|runs|dead-letters list)\b.*\n")
"""What a reader repeats until it shows what the page does: the pipeline takes its time."""
_VARIES = {
    r"\b\d{8}T\d{4}(\d\d)?Z": "RUN",
    r"\b\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z": "TIME",
    r"\bin \d+\.\d+ ?s\b": "in SECONDS",
    r"· .*\d.*": "· PERIOD",
    r"\b[0-9a-f]{40}\b": "COMMIT",
}
"""What is another each time, and what stands for it in what is compared. So does `…` in a page for anything."""
_LINES = r"(?:[^\n]*\n)*?"
_PROGRESS = "━"
_COLUMNS = 100


@dataclass(frozen=True)
class Step:
    """What the reader does.

    Attributes:
        line: where it is in the page.
        commands: for bash; empty for a change.
        change: of a file, as a diff; empty for commands.
        shown: what the page shows next; None where it shows nothing.
    """

    line: int
    commands: str = ""
    change: str = ""
    shown: str | None = None


def steps(page: str) -> list[Step]:
    """The steps of a page, given its text."""
    found: list[Step] = []
    for block in _BLOCK.finditer(page):
        line = page.count("\n", 0, block.start()) + 1
        match block[1]:
            case "console":
                found.append(Step(line, commands=block[2]))
            case "diff":
                found.append(Step(line, change=block[2]))
            case "text" if found and found[-1].shown is None:
                found[-1] = replace(found[-1], shown=block[2])
    return found


def comparable(text: str) -> str:
    """A text without what is another each time, without progress bars, and with single spaces."""
    for pattern, name in _VARIES.items():
        text = re.sub(pattern, name, text)
    lines = (" ".join(line.split()) for line in text.splitlines() if _PROGRESS not in line)
    return "".join(f"{line}\n" for line in lines if line)


def _pattern(shown: str) -> re.Pattern[str]:
    lines = comparable(shown).splitlines()
    parts = (_LINES if line == "…" else re.escape(line).replace("…", "[^\n]*") + "\n" for line in lines)
    return re.compile("".join(parts))


class _Terminal:
    """Commands in a terminal of their own, whose text is kept.

    Attributes:
        seen: how much of the text was looked at.
    """

    def __init__(self, commands: str, folder: Path, environment: Mapping[str, str]) -> None:
        self._text = b""
        self.seen = 0
        self._screen, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, _COLUMNS, 0, 0))
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", commands],
            cwd=folder,
            env=environment,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        try:
            while part := os.read(self._screen, 65536):
                self._text += part
        except OSError:  # Linux says so that no process has the terminal any more
            pass

    @property
    def text(self) -> str:
        """What it shows."""
        return self._text.decode(errors="replace").replace("\r", "")

    @property
    def new_text(self) -> str:
        """What it shows since it was looked at."""
        return self.text[self.seen :]

    def type(self, line: str) -> None:
        """Type a line, and press Enter."""
        os.write(self._screen, f"{line}\n".encode())

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> int:
        """Wait for the end. Returns the exit status."""
        status = self._process.wait(PATIENCE_SECONDS)
        self._reading.join(PATIENCE_SECONDS)
        return status

    def interrupt(self) -> int:
        """Press Ctrl-C, and wait for the end."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self.wait()

    def close(self) -> None:
        """End what still runs."""
        if self.is_running:
            os.killpg(self._process.pid, signal.SIGTERM)
        self.wait()
        os.close(self._screen)


class Reader:
    """A person who does what pages say.

    Args:
        folder: where: a clone of the repository.
        environment: the variables to begin with. What a page exports stays set.
        ports: of the local cloud: the first, and the one that pages show.
        answers: what the reader types where a command asks for it, by a part of the question.

    Attributes:
        seen: what each block of commands has printed.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *,
        ports: tuple[int, int] | None = None,
        answers: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self._environment = {**environment, "TERM": "dumb"}
        self._variables = folder.parent / "variables"
        self._variables.write_text("", encoding="utf-8")
        first, shown = ports or (0, 0)
        self._ports = {str(shown + number): str(first + number) for number in range(17 if ports else 0)}
        self._options = environment.get("ARGS", "")
        self._answers = answers or {}
        self._running: list[_Terminal] = []
        self.seen: dict[str, str] = {}

    def follow(self, page: Path) -> None:
        """Do every step of a page, and open every address of this machine that it names.

        Raises:
            AssertionError: something else comes than what the page shows, a command fails, or there is no such page.
        """
        text = page.read_text(encoding="utf-8")
        for step in steps(text):
            at = f"{page.name}:{step.line}"
            if step.change:
                self._change(step, at)
            elif _KEEPS_RUNNING.search(step.commands):
                self._leave_running(step, at)
            else:
                self._run(step, at)
        for address in set(re.findall(r"<(http://127\.0\.0\.1:\d+/[^>]*)>", text)):
            assert requests.get(self._as_meant(address), timeout=PATIENCE_SECONDS).ok, f"{page.name}: {address}"

    @property
    def place(self) -> Path:
        """The folder that the reader has gone to."""
        places = re.findall(r"^cd '(.*)'$", self._variables.read_text(encoding="utf-8"), flags=re.MULTILINE)
        return Path(places[-1]) if places else self.folder

    def stop(self) -> None:
        """Press Ctrl-C in every terminal, the latest first.

        Raises:
            AssertionError: a command ends otherwise than by that.
        """
        while self._running:
            terminal = self._running.pop()
            try:
                assert terminal.is_running, terminal.text
                # make itself ends by the signal.
                assert terminal.interrupt() in {0, 130, -signal.SIGINT}, terminal.text
            finally:
                terminal.close()

    def close(self) -> None:
        """End what still runs."""
        while self._running:
            self._running.pop().close()

    def _open(self, commands: str) -> _Terminal:
        kept = f"'{self._variables}'"
        meant = self._as_meant(commands).replace("./reports up\n", f"./reports up {self._options}\n")
        lines = f". {kept}\nset -ea\n{meant}\n{{ export -p; echo \"cd '$PWD'\"; }} >{kept}\n"
        return _Terminal(lines, self.folder, self._environment)

    def _run(self, step: Step, at: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            terminal = self._open(step.commands)
            try:
                status = self._answer(terminal)
                came = self.seen[step.commands] = self._as_shown(terminal.text)
            finally:
                terminal.close()
            assert status == 0, f"{at}: the exit status is {status}:\n{came}"
            if step.shown is None or _pattern(step.shown).fullmatch(comparable(came)):
                return
            is_as_before = _LOOKS.fullmatch(step.commands) and time.monotonic() < deadline
            assert is_as_before, _differs(at, step.shown, came)
            time.sleep(0.5)

    def _answer(self, terminal: _Terminal) -> int:
        """Answer what a command asks, until it ends. Returns its exit status."""
        while self._answers and terminal.is_running:
            time.sleep(0.2)
            for question, answer in self._answers.items():
                if question in terminal.new_text:
                    terminal.seen = len(terminal.text)
                    terminal.type(answer)
        return terminal.wait()

    def _leave_running(self, step: Step, at: str) -> None:
        self._running.append(self._open(step.commands))
        self._wait_for(step.shown or "", at)

    def _change(self, step: Step, at: str) -> None:
        name, *lines = step.change.splitlines()
        file = self.place / name.removeprefix("--- ")
        text = file.read_text(encoding="utf-8")
        for hunk in re.split(r"^@@.*\n", "\n".join(lines) + "\n", flags=re.MULTILINE):
            before = re.sub(r"^(?:\+.*\n|[- ])", "", hunk, flags=re.MULTILINE)
            after = re.sub(r"^(?:-.*\n|[+ ])", "", hunk, flags=re.MULTILINE)
            assert text.count(f"\n{before}") == 1, f"{at}: {name} has not once:\n{before}"
            text = text.replace(f"\n{before}", f"\n{after}")
        file.write_text(text, encoding="utf-8")
        if step.shown is not None:
            self._wait_for(step.shown, at)

    def _wait_for(self, shown: str, at: str) -> None:
        """Wait until the latest command that keeps running shows something that it did not show before."""
        terminal, pattern = self._running[-1], _pattern(shown)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not pattern.search(comparable(self._as_shown(terminal.new_text))):
            came = self._as_shown(terminal.new_text)
            assert terminal.is_running, f"{at}: it ended:\n{came}"
            assert time.monotonic() < deadline, _differs(at, shown, came)
            time.sleep(0.1)
        terminal.seen = len(terminal.text)

    def _as_meant(self, text: str) -> str:
        for shown, port in self._ports.items():
            text = text.replace(f":{shown}", f":{port}")
        return text

    def _as_shown(self, text: str) -> str:
        for shown, port in self._ports.items():
            text = text.replace(port, shown)
        return text


def _differs(at: str, shown: str, came: str) -> str:
    return f"{at} shows\n{comparable(shown)}\n\nbut what came is\n{comparable(came)}\n\nas it was printed:\n{came}"
