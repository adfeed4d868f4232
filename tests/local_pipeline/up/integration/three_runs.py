"""What becomes of an email, seen in the runs that follow: who bounces is paused in the second, and who stops a report
by the link of an email is left alone by the third."""

import html
import re
import shlex
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.utils import parseaddr
from typing import Any

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from local_pipeline.machine_variables import machine_variables
from tests.forked_python import run_python
from tests.local_pipeline.up.integration.command import Command
from tests.support import REPOSITORY

READER, BOUNCING = "users/u8/report_subscriptions/default", "users/u9/report_subscriptions/default"
READERS_ADDRESS, BOUNCING_ADDRESS = "user8@example.com", "bounce+user9@example.com"
FINAL = {"sent", "skipped", "dead"}


@dataclass(frozen=True)
class Pipeline:
    """A local cloud that has made its first run."""

    command: Command
    variables: dict[str, str]
    database: Any

    def run(self, *, second: int) -> dict[str, dict[str, Any]]:
        """Have both subscriptions fall due, whatever has become of them, and make a run.

        Args:
            second: of the minute before this one: at which the reports are due, later with each run.

        Returns:
            Their deliveries.
        """
        due_at = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(seconds=60 - second)
        for path in (READER, BOUNCING):
            due = {"next_report_at": due_at, "skip_empty": False}
            self.database.document(path).update(due)
        run_python("-m", "operations", "dispatch", directory=REPOSITORY, environment=self.variables).check_returncode()
        # No query: Firestore has no index of `due_at` alone.
        deliveries = self.database.collection("deliveries")
        deadline = time.monotonic() + 100
        while True:
            made = [each.to_dict() for each in deliveries.stream() if each.get("due_at") == due_at]
            theirs = {f"users/{each['user_id']}/report_subscriptions/{each['subscription_id']}": each for each in made}
            if {READER, BOUNCING} <= theirs.keys() and all(each["state"] in FINAL for each in theirs.values()):
                return theirs
            assert time.monotonic() < deadline, theirs
            time.sleep(0.1)

    def mails_to(self, address: str, *, at_least: int = 0) -> list[Any]:
        """The emails that were saved, the oldest first. They are saved beside the run, so some may still be missing.

        Args:
            address: the recipient's.
            at_least: how many to wait for.
        """
        deadline = time.monotonic() + 100
        while len(found := self._mails_to(address)) < at_least:
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found

    def _mails_to(self, address: str) -> list[Any]:
        files = sorted((self.command.data / "mails").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        mails = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
        return [mail for mail in mails if parseaddr(str(mail["To"]))[1] == address]


def see_three_runs(command: Command) -> None:
    """Make two runs after the first, and use the link of an email between them.

    Args:
        command: has made its first run, with nine users at least.
    """
    lines = (command.data / "environment").read_text().splitlines()
    variables = dict(shlex.split(line)[0].split("=", 1) for line in lines if re.match(r"\w+=", line))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("FIRESTORE_EMULATOR_HOST", variables["FIRESTORE_EMULATOR_HOST"])
        database = firestore.Client(project=variables["GOOGLE_CLOUD_PROJECT"], credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    pipeline = Pipeline(command, {**variables, **machine_variables()}, database)
    assert re.search(r"delivered +\d+ *\n +bounced +1 *\n +complained +1 *\n", pipeline.command.text)
    assert pipeline.database.document(BOUNCING).get().get("paused_because") == "bounced"

    before = len(pipeline.mails_to(READERS_ADDRESS, at_least=2))
    second = pipeline.run(second=30)
    assert (second[BOUNCING]["state"], second[BOUNCING]["reason"]) == ("skipped", "paused")
    assert second[READER]["state"] == "sent"
    mails = pipeline.mails_to(READERS_ADDRESS, at_least=before + 1)
    assert len(pipeline.mails_to(BOUNCING_ADDRESS)) == 1

    links = re.findall(r'href="([^"]+)"', mails[-1].get_body(("html",)).get_content())
    pages = pipeline.variables["PREFERENCES_URL"]
    # Another link, below it, leads to the copy of the email.
    [link] = {html.unescape(each) for each in links if each.startswith(pages) and "/copies/" not in each}
    page = requests.get(link, timeout=100)
    assert page.ok
    [stop] = re.findall(r'action="([^"]+/stop)"', page.text)[:1]
    answer = requests.post(requests.compat.urljoin(link, stop), timeout=100)
    assert answer.ok
    assert 'role="status"' in answer.text
    assert pipeline.database.document(READER).get().get("paused_because") == "unsubscribed"

    third = pipeline.run(second=40)
    assert (third[READER]["state"], third[READER]["reason"]) == ("skipped", "paused")
    assert len(pipeline.mails_to(READERS_ADDRESS)) == len(mails)
