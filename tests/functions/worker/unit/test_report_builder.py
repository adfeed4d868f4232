"""What the worker says about a kind that fails."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from functions.shared.records.report_task import ReportTask
from functions.shared.settings import MailSettings
from functions.worker.report_builder import ReportBuilder
from functions.worker.skipping import Subscriber
from functions.worker.time_limit import TimeLimit
from functions.worker.transitions import Retry
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.kind_folders import folder_of
from tests.functions.worker.unit.samples import PERIOD, subscription, user

TASK = ReportTask(user_id="u1", subscription_id="s1", delivery_id="d1", due_at=PERIOD.end, run_id="r1", kind="activity")
CODE = "def build(request):\n    return total({'units': 3})\n\ndef total(figures):\n    return figures['sum']\n"
FILE = folder_of("activity") / "made_up.py"


def builder_of(monkeypatch: pytest.MonkeyPatch, build: Any) -> ReportBuilder:
    """A builder whose only kind has this build function."""
    monkeypatch.setattr("functions.worker.compose.find", lambda _kind, _variant: build)
    return ReportBuilder(
        user_data=lambda _user, _seconds: InMemoryUserData({}),
        mail=MailSettings(mail_from="reports@example.com"),
        time_limit=TimeLimit(lambda: pytest.fail("nothing hangs")),
    )


def test_a_mistake_of_a_kind_is_one_line_with_its_place_and_its_own_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {}
    exec(compile(CODE, FILE, "exec"), names)  # noqa: S102
    builder = builder_of(monkeypatch, names["build"])
    with capture_logs() as logs:
        built = builder.build(TASK, Subscriber(user(), subscription()), PERIOD, elapsed=0)
    assert isinstance(built, Retry)
    place = Path("kinds/activity/made_up.py")
    assert built.error == f"the report cannot be built: {place}:5: KeyError: 'sum'"
    [logged] = logs
    assert (logged["event"], logged["error"]) == ("report_failed", f"{place}:5: KeyError: 'sum'")
    frames, step = [], logged["exc_info"].__traceback__
    while step is not None:
        frames.append(step.tb_frame.f_code.co_name)
        step = step.tb_next
    assert frames == ["build", "total"]


@pytest.mark.parametrize(
    "error",
    [SystemExit("bye"), asyncio.CancelledError(), KeyboardInterrupt(), GeneratorExit()],
    ids=lambda error: type(error).__name__,
)
def test_what_would_end_the_server_counts_as_a_mistake_of_the_kind(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def build(_request: Any) -> None:
        raise error

    built = builder_of(monkeypatch, build).build(TASK, Subscriber(user(), subscription()), PERIOD, elapsed=0)
    assert isinstance(built, Retry)
    assert built.error.startswith(f"the report cannot be built: {type(error).__name__}")
