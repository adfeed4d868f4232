"""The whole way through, by the command that `make run` and `make up` call."""

import json
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from email import message_from_bytes
from email.utils import parseaddr
from pathlib import Path

import grpc
import pytest
import requests
from aiohttp import web
from google.api_core.exceptions import FailedPrecondition
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.cloud.firestore_v1.types import RunQueryRequest, StructuredQuery

from local_cloud.http import HttpServer
from tests.local_pipeline.up.integration.command import PARTS, Command
from tests.local_pipeline.up.integration.three_runs import see_three_runs
from tests.support import REPOSITORY, Background, free_ports


def test_one_run_from_the_scheduler_to_the_mails(tmp_path: Path) -> None:
    command = Command(tmp_path, "--once", "--users", "12")
    assert command.wait() == 0, command.text
    summary = command.text
    assert re.search(r"New +3 users enrolled, 2 subscriptions scheduled", summary)
    assert re.search(r"Reports due +13\b", summary)
    assert re.search(r"Reports sent +10 in", summary)
    assert re.search(r"Skipped +2 \(nothing-to-report 1, user-inactive 1\)", summary)
    assert re.search(r"delivered +8 *\n +bounced +1 *\n +complained +1 *\n", summary)
    # Those of the ninth, whose email bounces, and of the fourth, who marks it as spam.
    assert re.search(r"Subscriptions paused +6 \(bounced 2, complained 1, user 2, user-inactive 1\)", summary)
    assert re.search(r"Dead letters +1\b", summary)
    assert re.search(r"Slack alerts +1\b", summary)
    assert "as it should be" in summary
    # Each query of the pipeline's has its index.
    assert "will refuse" not in summary
    mails = [message_from_bytes(file.read_bytes()) for file in (command.data / "mails").glob("*.eml")]
    recipients = sorted(parseaddr(mail["To"])[1] for mail in mails)
    # The third's address is refused, the fifth and the eleventh are inactive, the tenth has done nothing, and the last
    # one's report goes to a team.
    users = [2, 2, 6, 7, 8, 8]
    others = ["bounce+user9@example.com", "deferred+user1@example.com", "spam+user4@example.com"]
    others += ["copy6@example.com", "lead12@example.com", "team12@example.com"]
    assert recipients == sorted([*(f"user{number}@example.com" for number in users), *others])
    assert [file.name for file in command.data.rglob("*") if "@" in file.name] == []
    assert [file for file in command.data.rglob("*") if file.stat().st_mode & 0o077] == []
    assert command.listening() == []
    logs = "".join(log.read_text() for log in (command.data / "logs").iterdir())
    assert '"result": "sent"' in logs
    assert "example.com" not in logs.replace("reports@example.com", "")
    for line in filter(None, (command.data / "logs" / "worker.log").read_text().splitlines()):
        assert json.loads(line)["severity"] in {"INFO", "WARNING", "ERROR"}


def test_it_keeps_running_and_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    command = Command(tmp_path, "--users", "9")
    command.wait_for("Ctrl-C ends it all")
    with urllib.request.urlopen(f"http://127.0.0.1:{command.port_base}/api/mails", timeout=100) as response:
        assert json.load(response)
    assert len(command.listening()) == PARTS
    see_three_runs(command)
    _query_without_an_index(command.port_base + 1)
    _query_without_an_index(command.port_base + 1)
    another = Command(tmp_path / "another", "--once", data=command.data)
    assert another.wait() == 1, another.text
    assert f"A local cloud is running in {command.data}: stop it" in " ".join(another.text.split())
    assert list((command.data / "logs").iterdir())
    command.process.send_signal(signal.SIGINT)
    assert command.wait() == 0, command.text
    assert command.listening() == []
    assert "Traceback" not in command.text
    # The terminal breaks the lines of the link.
    text = " ".join(command.text.split())
    assert text.count("Firestore: The query requires an index. You can create it here:") == 1
    assert "Or add it to firestore.indexes.json in the folder of the kind." in text


def _query_without_an_index(port: int) -> None:
    path = "projects/local-cloud/databases/(default)/documents"
    query = StructuredQuery(from_=[StructuredQuery.CollectionSelector(collection_id="users")])
    for field in ("name", "email"):
        query.order_by.append(StructuredQuery.Order(field=StructuredQuery.FieldReference(field_path=field)))
    request = RunQueryRequest(parent=path, structured_query=query)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        client = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))
        with pytest.raises(FailedPrecondition, match="The query requires an index"):
            list(client.run_query(request=request))


def test_ctrl_c_in_the_middle_of_a_start_leaves_nothing_behind(tmp_path: Path) -> None:
    # Without a provider the run does not end before it is interrupted, should this process be held up.
    command = Command(tmp_path, "--once", SENDGRID_HOST=f"http://127.0.0.1:{free_ports(1)}")
    deadline = time.monotonic() + 200
    while not set(command.listening()) & set(command.function_ports):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    command.process.send_signal(signal.SIGINT)
    assert command.wait() == 130, command.text
    assert command.listening() == []
    assert "Traceback" not in command.text


@pytest.mark.parametrize(("number", "provider"), [(signal.SIGHUP, "sendgrid"), (signal.SIGTERM, "resend")])
def test_a_closed_terminal_leaves_nothing_behind(tmp_path: Path, number: signal.Signals, provider: str) -> None:
    command = Command(tmp_path, "--users", "9", "--provider", provider)
    command.wait_for("Ctrl-C ends it all")
    _expect_mails_by(provider, command)
    command.process.send_signal(number)
    assert command.wait() == 0, command.text
    assert command.listening() == []


def _expect_mails_by(provider: str, command: Command) -> None:
    """A run went through a provider, the one chosen, from the reports to what became of the emails."""
    assert "as it should be" in command.text
    assert re.search(r"delivered +[1-9].*\n +bounced +1 *\n +complained +1 *\n", command.text)
    variables = _variables(command.data / "environment")
    assert variables["MAIL_PROVIDER"] == provider
    mails = requests.get(f"{variables['LOCAL_INBOX_URL']}/api/mails", timeout=100).json()["mails"]
    # Resend shows its own emails alone.
    email = requests.get(
        f"{variables['RESEND_HOST']}/emails/{mails[0]['id']}",
        headers={"Authorization": f"Bearer {variables['RESEND_API_KEY']}"},
        timeout=100,
    ).json()
    assert email.get("last_event", "queued") != "queued" if provider == "resend" else email["name"] == "not_found"
    assert provider in requests.get(f"{variables['LOCAL_CONTROL_URL']}/state", timeout=100).json()["services"]


def _variables(file: Path) -> dict[str, str]:
    assignments = (line.partition("=") for line in file.read_text().splitlines())
    return {name: " ".join(shlex.split(value)) for name, _, value in assignments}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_not_even_a_kill_leaves_functions_behind(tmp_path: Path) -> None:
    command = Command(tmp_path, "--users", "1")
    command.wait_for("Ctrl-C ends it all")
    command.process.kill()
    deadline = time.monotonic() + 200
    while command.listening():
        assert time.monotonic() < deadline, command.listening()
        time.sleep(0.1)


def test_a_port_in_use_is_one_line(tmp_path: Path) -> None:
    base = free_ports(PARTS)
    with socket.create_server(("127.0.0.1", base + 1)):
        result = subprocess.run(
            [
                *(sys.executable, "-m", "local_pipeline", "up", "--once"),
                *("--port-base", str(base), "--data-dir", str(tmp_path)),
            ],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
    assert result.returncode == 1
    assert re.fullmatch(rf"Port {base + 1} \(.*\) is in use: .*--port-base.*\n", result.stderr)


def test_a_broken_configuration_is_one_line_that_names_the_variable(tmp_path: Path) -> None:
    command = Command(tmp_path, "--once", ON_UNKNOWN_OUTCOME="perhaps")
    assert command.wait() == 1
    [line] = [line for line in command.text.splitlines() if line.strip()]
    assert "worker does not start" in line
    assert "ON_UNKNOWN_OUTCOME" in line
    assert command.listening() == []


def test_an_emulator_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    no_server = f"127.0.0.1:{free_ports(1)}"
    command = Command(tmp_path, "--once", FIRESTORE_EMULATOR_HOST=no_server)
    assert command.wait() == 1
    [line] = [line for line in command.text.splitlines() if line.strip()]
    assert f"FIRESTORE_EMULATOR_HOST={no_server} does not answer" in line


def test_a_pubsub_that_sends_no_tokens_is_one_line(tmp_path: Path) -> None:
    command = Command(tmp_path, "--once", PUBSUB_EMULATOR_HOST="127.0.0.1:8085")
    assert command.wait() == 1
    [line] = [line for line in command.text.splitlines() if line.strip()]
    assert "PUBSUB_EMULATOR_HOST: unset it" in line


def test_who_waits_is_told_for_what(tmp_path: Path, background: Background) -> None:
    async def fail(_: web.Request) -> web.Response:
        # A refusal: after any other 5xx the outcome is unknown.
        return web.json_response({"errors": [{"message": "busy", "field": None, "help": None}]}, status=503)

    app = web.Application()
    app.router.add_post("/v3/mail/send", fail)
    provider = HttpServer("provider", app, "127.0.0.1", 0)
    background.run(provider.start())
    command = Command(tmp_path, *("--once", "--users", "1"), SENDGRID_HOST=f"http://127.0.0.1:{provider.port}")
    command.wait_for("1 reports wait, most likely for their next attempt")
    command.process.send_signal(signal.SIGINT)
    assert command.wait() == 130, command.text
    background.run(provider.stop())
    assert "worker.log says why" in command.text.replace("\n", "")
    assert command.listening() == []


def test_a_run_whose_mails_are_all_refused_does_not_end_well(tmp_path: Path, background: Background) -> None:
    """The provider that is named in the environment is used, and what it does is what is reported."""
    asked: list[str] = []

    async def refuse(request: web.Request) -> web.Response:
        asked.append(request.headers["Authorization"])
        return web.json_response({"errors": [{"message": "not today", "field": None, "help": None}]}, status=400)

    app = web.Application()
    app.router.add_post("/v3/mail/send", refuse)
    provider = HttpServer("provider", app, "127.0.0.1", 0)
    background.run(provider.start())
    command = Command(
        tmp_path,
        *("--once", "--users", "1"),
        SENDGRID_HOST=f"http://127.0.0.1:{provider.port}",
        SENDGRID_API_KEY="SG.mine",
    )
    status = command.wait()
    background.run(provider.stop())
    assert status == 1, command.text
    assert asked == ["Bearer SG.mine"]
    assert "should be sent, but is dead" in command.text
