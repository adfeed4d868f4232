"""The first alerts of a fresh process, which come at once and load what they are posted with."""

import subprocess
import sys
from pathlib import Path

from local_cloud.clock import Clock
from local_pipeline.inbox.server import Inbox
from tests.support import PATIENCE_SECONDS, Background

ROOT = Path(__file__).parents[4]

_ALL_AT_ONCE = """
import sys, threading, time
from datetime import UTC, datetime
from functions.dlq_handler.channels.alert import Alert
from functions.dlq_handler.channels.slack_channel import SlackChannel

alert = Alert(
    title="Failed", facts=(("Kind", "activity"),), error="refused", others=0, since=datetime.now(UTC), commands=(),
    links=(), relation="",
)
channel, threads, sent = SlackChannel(sys.argv[1]), [], []


def send():
    channel.send(alert)
    sent.append(True)


class AnotherComesMeanwhile:
    "At each import of the first alert another alert comes, and goes as far as it gets before the first one goes on."

    def find_spec(self, name, path=None, target=None):
        if name.startswith("slack_sdk.") and threading.current_thread() is threading.main_thread():
            other = threading.Thread(target=send, daemon=True)
            threads.append(other)
            other.start()
            places = []
            while other.is_alive() and (len(places) < 5 or len(set(places[-5:])) > 1):
                frame = sys._current_frames().get(other.ident)
                places.append(frame and (id(frame), frame.f_lasti))
                time.sleep(0.005)


sys.meta_path.insert(0, AnotherComesMeanwhile())
send()
assert threads, "nothing was imported"
for thread in threads:
    thread.join()
assert len(sent) == 1 + len(threads)
"""


def test_those_that_come_at_once_are_all_posted(background: Background) -> None:
    slack = Inbox(host="127.0.0.1", port=0, clock=Clock(), sendgrid_api_key="unused")
    background.run(slack.start())
    try:
        done = subprocess.run(
            [sys.executable, "-c", _ALL_AT_ONCE, slack.slack_webhook_url],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    finally:
        background.run(slack.stop())
    assert (done.returncode, done.stderr) == (0, "")
