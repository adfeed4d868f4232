"""Cold start: how long a new instance takes before it answers, and which code causes that."""

import functools
import itertools
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import requests

from functions.shared.records.ids import delivery_id
from functions.shared.records.report_task import ReportTask
from functions.shared.records.subscription import DEFAULT_SUBSCRIPTION
from proof.benchmarks.checkout import THIS, Checkout, least_of_turns
from proof.benchmarks.cloud import EVENTS, RUN_AT, TASKS, Cloud
from proof.benchmarks.command_cpu import command_cpu
from proof.benchmarks.deployed import hiding, lay_out, not_deployed
from proof.benchmarks.function import REPOSITORY, Function
from proof.benchmarks.table import Table, number, times

_FUNCTIONS = ("dispatcher", "worker", "dlq_handler")
_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)")
_SHOWN = 8
_TURNS = 5
_LIBRARIES_ALONE = """\
import google.cloud.firestore, google.cloud.tasks_v2, jwt, requests, structlog
from pydantic import AnyHttpUrl, BaseModel, TypeAdapter


def dispatcher(request):
    return "ok"
"""
_TYPER_AND_RICH = "import typer, rich.console, rich.table, rich.text, rich.progress"


def measure(*, functions: Sequence[str] = _FUNCTIONS) -> Iterator[Table]:
    """Import each function under `-X importtime`, and start each and send it its first request."""
    with Cloud() as cloud, TemporaryDirectory() as folder:
        cloud.put_in_users(1)
        first_answers = {name: _first_answer(cloud, name, lay_out(THIS, name, Path(folder))) for name in functions}
    imports = {name: _imports(name, first_answers[name].environment) for name in functions}
    rows = []
    for name in functions:
        own, others = imports[name]
        answers = first_answers[name]
        rows.append(
            [
                name,
                f"{sum(others.values()):.0f}",
                f"{own:.0f}",
                *(f"{seconds * 1000:.0f}" for seconds in (answers.started, answers.first, answers.second)),
                f"{answers.megabytes:.0f}",
            ]
        )
    yield Table(
        title="Cold start",
        columns=[
            "function",
            "import of libraries, ms",
            "of its own code, ms",
            "until it takes connections, ms",
            "first answer, ms",
            "second answer, ms",
            "memory after, MB",
        ],
        rows=rows,
        note="Imports by `-X importtime`, which slows them down itself, and with no packages but those that are "
        "deployed. The first request makes the clients, and does the function's whole work. Memory is that of the "
        "server process and of the one it was forked from.",
    )
    yield Table(
        title="Which libraries that is",
        columns=["function", *(f"{place}." for place in range(1, _SHOWN + 1))],
        rows=[
            [name, *(f"{package} {spent:.0f} ms" for package, spent in _largest(imports[name][1]))]
            for name in functions
        ],
    )


def measure_beside(checkout: Checkout, *, turns: int = _TURNS) -> Iterator[Table]:
    """Start what people wait for, in this version and in another one."""
    versions = (THIS, checkout)
    with Cloud() as cloud, TemporaryDirectory() as folder:
        cloud.put_in_users(1)
        turn = itertools.count()
        measured = {
            f"{name}, to its first answer": least_of_turns(
                {
                    each.name: functools.partial(_start_cpu, cloud, name, lay_out(each, name, Path(folder)), turn)
                    for each in versions
                },
                turns=turns,
            )
            for name in _FUNCTIONS
        }
        run = ["local_pipeline", "up", "--once", "--port-base", "18470", "--data-dir", f"{folder}/local_cloud"]
        alone = lay_out(THIS, "dispatcher", Path(folder) / "alone")
        (alone / "functions" / "dispatcher" / "main.py").write_text(_LIBRARIES_ALONE, encoding="utf-8")
        empty = least_of_turns({"": functools.partial(_empty_start_cpu, cloud, alone)}, turns=turns)[""]
        for what, module in (("`./reports --help`", ["operations", "--help"]), ("`make run`", run)):
            command = [sys.executable, "-m", *module]
            measured[what] = least_of_turns(
                {each.name: functools.partial(command_cpu, command, each.path) for each in versions}, turns=turns
            )
        importing = functools.partial(command_cpu, [sys.executable, "-c", _TYPER_AND_RICH], THIS.path)
        libraries = least_of_turns({"": importing}, turns=turns)[""]
    help_cpu = measured["`./reports --help`"]
    yield Table(
        title="Starts beside another version",
        columns=["", f"{checkout.name}, CPU s", "this checkout, CPU s", "this checkout to it"],
        rows=[
            [
                what,
                number(figures[checkout.name]),
                number(figures[THIS.name]),
                times(figures[THIS.name] / figures[checkout.name]),
            ]
            for what, figures in measured.items()
        ],
        note=f"Processor time of all processes, the least of {turns} turns each. The functions are laid out as an "
        f"instance has them after the build. One that imports the libraries of the dispatcher and answers a request at "
        f"once takes {number(empty)} s. To import Typer and Rich alone takes {number(libraries)} s: the help takes "
        f"{times(help_cpu[checkout.name] / libraries)} as much in {checkout.name}, and "
        f"{times(help_cpu[THIS.name] / libraries)} in this checkout.",
    )


def _start_cpu(cloud: Cloud, name: str, root: Path, turn: Iterator[int]) -> float:
    """Seconds of processor time until a function has answered its first request: each turn has one of its own."""
    with _start(cloud, name, root) as function:
        _request(cloud, function, name, next(turn))
        return function.cpu_seconds()


def _empty_start_cpu(cloud: Cloud, root: Path) -> float:
    """Seconds of processor time until a function that does nothing has answered."""
    with _start(cloud, "dispatcher", root) as function:
        requests.post(function.url, timeout=60).raise_for_status()
        return function.cpu_seconds()


def _start(cloud: Cloud, name: str, root: Path) -> AbstractContextManager[Function]:
    """Start a function on files that no start before it has changed, as each instance has them."""
    return cloud.function(name, root=root, REPORT_QUEUES=cloud.new_queue(), PYTHONDONTWRITEBYTECODE="1")


def _imports(name: str, environment: Mapping[str, str]) -> tuple[float, dict[str, float]]:
    """Milliseconds that the import spends in the function's own modules, and in each package of others'."""
    # The server has imported these before it imports the function, which it does within its application's context.
    command = (
        f"{hiding(not_deployed(name))}\nimport flask\nimport functions_framework\nimport gc\ngc.disable()\n"
        f"with flask.Flask('server').app_context():\n    import functions.{name}.main"
    )
    printed = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", command],
        env=environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    own = 0.0
    others: defaultdict[str, float] = defaultdict(float)
    for line in printed.splitlines():
        if found := _LINE.match(line):
            spent, module = int(found[1]) / 1000, found[4]
            if module.split(".")[0] in {"functions", "report_kit", "kinds"}:
                own += spent
            else:
                others[_package(module)] += spent
    return own, others


def _largest(spent: Mapping[str, float]) -> list[tuple[str, float]]:
    return sorted(spent.items(), key=lambda item: -item[1])[:_SHOWN]


def _package(module: str) -> str:
    parts = module.split(".")
    return ".".join(
        parts[:3] if parts[0] == "google" and len(parts) > 1 and parts[1] in {"cloud", "api_core"} else parts[:1]
    )


@dataclass(frozen=True, kw_only=True)
class _FirstAnswers:
    """How a new process of a function answers.

    Attributes:
        environment: its variables.
        started: seconds until it takes connections.
        first: seconds of its first answer.
        second: likewise of the second.
        megabytes: its memory afterwards.
    """

    environment: Mapping[str, str]
    started: float
    first: float
    second: float
    megabytes: float


def _first_answer(cloud: Cloud, name: str, root: Path) -> _FirstAnswers:
    began = time.perf_counter()
    with _start(cloud, name, root) as function:
        started = time.perf_counter() - began
        answers = []
        for attempt in range(2):
            began = time.perf_counter()
            _request(cloud, function, name, attempt)
            answers.append(time.perf_counter() - began)
        return _FirstAnswers(
            environment=function.environment,
            started=started,
            first=answers[0],
            second=answers[1],
            megabytes=function.megabytes(),
        )


def _request(cloud: Cloud, function: Function, name: str, number: int) -> None:
    if name == "dispatcher":
        cloud.dispatch(function)
    elif name == "worker":
        due_at = RUN_AT - timedelta(hours=number)
        task = ReportTask(
            user_id="u1",
            subscription_id=DEFAULT_SUBSCRIPTION,
            delivery_id=delivery_id("u1", DEFAULT_SUBSCRIPTION, due_at),
            due_at=due_at,
            run_id="20261124T1200Z",
            kind="activity",
        )
        token = cloud.token(TASKS, function.environment["WORKER_URL"])
        answer = requests.post(
            f"{function.url}/tasks/send-report",
            data=task.to_json(),
            headers={"Authorization": f"Bearer {token}", "X-CloudTasks-TaskRetryCount": "0"},
            timeout=60,
        )
        answer.raise_for_status()
    else:
        # The handler stores an unreadable message as it is, and only logs it.
        push = {"message": {"data": "bm90IEpTT04=", "messageId": f"{number}"}, "subscription": "dead-letters"}
        headers = {"Authorization": f"Bearer {cloud.token(EVENTS, function.url)}"}
        requests.post(function.url, json=push, headers=headers, timeout=60).raise_for_status()
