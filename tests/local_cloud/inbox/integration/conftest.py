"""An inbox on a real port, for each test a new one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cloud.clock import Clock
from local_cloud.inbox.server import Inbox
from tests.support import Background

API_KEY = "SG.local.key"


@pytest.fixture
def clock() -> Clock:
    return Clock(still=True)


@pytest.fixture
def inbox(background: Background, clock: Clock, tmp_path: Path) -> Iterator[Inbox]:
    inbox = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key=API_KEY, directory=tmp_path)
    background.run(inbox.start())
    yield inbox
    background.run(inbox.stop())
