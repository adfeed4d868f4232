"""What every channel does with an alert: one case for each, in CASES."""

import importlib
import inspect
import pkgutil
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from functions.dlq_handler import channels
from functions.dlq_handler.channels.alert import Alert
from functions.dlq_handler.channels.apprise_channel import AppriseChannel
from functions.dlq_handler.channels.channel import Channel, ChannelBusy, ChannelFailed
from functions.dlq_handler.channels.configured_channels import configured_channels
from functions.dlq_handler.channels.slack_channel import SlackChannel
from functions.shared.settings import DlqHandlerSettings
from tests.function_process import REPOSITORY
from tests.support import free_ports

SECRET = "kept-secret"
REQUIRED = {
    "google_cloud_project": "p",
    "location": "l",
    "dlq_handler_url": "https://dlq-handler.example",
    "events_invoker": "events@p.iam.gserviceaccount.com",
}
ALERT = Alert(
    title="A report failed",
    facts=(("Kind", "activity"),),
    error="the provider refused it",
    others=0,
    since=datetime(2026, 11, 24, 13, tzinfo=UTC),
    commands=("reports dead-letters show x",),
    links=(),
    relation="",
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A channel, and how its service says what a channel tells apart.

    Attributes:
        channel: the class.
        setting: which names it.
        url: of a service on a port of this machine, with SECRET in its address or key.
        taken: the status of the answer to an alert that the service has taken.
        busy: that of one which it takes later, with Retry-After; None where the service does not say so.
    """

    channel: type[Channel]
    setting: str
    url: str
    taken: int = 200
    busy: int | None = None

    def at(self, port: int) -> Channel:
        """The channel, as the handler makes it of its settings."""
        value = self.url.format(port=port)
        settings = DlqHandlerSettings.model_validate({**REQUIRED, self.setting.lower(): value})
        [made], _ = configured_channels(settings, {})
        assert isinstance(made, self.channel)
        return made


CASES = [
    Case(channel=SlackChannel, setting="SLACK_WEBHOOK_URL", url=f"http://127.0.0.1:{{port}}/{SECRET}", busy=429),
    Case(channel=AppriseChannel, setting="ALERT_URLS", url=f"json://127.0.0.1:{{port}}/{SECRET}"),
]
each_channel = pytest.mark.parametrize("case", CASES, ids=lambda case: case.channel.__name__)


@contextmanager
def service(status: int) -> Iterator[tuple[int, list[str]]]:
    """A service that answers so; its port, and what it was sent."""
    came: list[str] = []

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(status)
            self.send_header("Retry-After", "7")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, came
        server.shutdown()


def test_every_channel_has_a_case() -> None:
    modules = [
        importlib.import_module(f"{channels.__name__}.{each.name}") for each in pkgutil.iter_modules(channels.__path__)
    ]
    defined = {
        found
        for module in modules
        for found in vars(module).values()
        if inspect.isclass(found) and found.__module__ == module.__name__ and hasattr(found, "send")
    }
    assert defined - {Channel} == {case.channel for case in CASES}


@each_channel
def test_it_posts_what_failed_and_why(case: Case) -> None:
    with service(case.taken) as (port, came):
        case.at(port).send(ALERT)
    [posted] = came
    assert (ALERT.title in posted, ALERT.error in posted) == (True, True)


@each_channel
@pytest.mark.parametrize("status", [400, 403, 500, 503])
def test_what_the_service_does_not_take_has_failed(case: Case, status: int) -> None:
    with service(status) as (port, _), pytest.raises(ChannelFailed) as failed:
        case.at(port).send(ALERT)
    assert SECRET not in str(failed.value)


@each_channel
def test_a_service_that_is_not_there_has_failed(case: Case) -> None:
    port = free_ports(1)
    with pytest.raises(ChannelFailed) as failed:
        case.at(port).send(ALERT)
    assert SECRET not in "".join(traceback.format_exception(failed.value))


@each_channel
def test_a_service_that_asks_for_time_gets_it(case: Case) -> None:
    with service(case.busy or 429) as (port, _), pytest.raises(ChannelFailed) as failed:
        case.at(port).send(ALERT)
    wanted = failed.value.retry_after if isinstance(failed.value, ChannelBusy) else None
    assert wanted == (timedelta(seconds=7) if case.busy else None)


@each_channel
def test_its_name_stays_from_start_to_start_and_is_no_secret(case: Case) -> None:
    assert case.at(1).name == case.at(1).name != ""
    assert SECRET not in case.at(1).name


def test_no_two_have_one_name() -> None:
    assert len({case.at(1).name for case in CASES}) == len(CASES)


@each_channel
def test_the_page_about_alerts_says_what_to_set(case: Case) -> None:
    page = (REPOSITORY / "docs/guides/alerts.md").read_text(encoding="utf-8")
    assert f"`{case.url.partition(':')[0] if case.setting == 'ALERT_URLS' else case.setting}" in page
