"""Processes see the shared time in every way of reading the time."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from local_pipeline.shared_time import FILE_VARIABLE, SharedClock
from tests.function_process import REPOSITORY

_ASKS = """
import datetime, sys
from datetime import datetime as imported
class Own(imported):
    pass
for line in sys.stdin:
    times = [datetime.datetime.now(datetime.UTC), imported.now().astimezone(), Own.now(datetime.UTC)]
    print(*(time.timestamp() for time in times), flush=True)
"""


@pytest.mark.starts_process
def test_another_process_follows(tmp_path: Path) -> None:
    (tmp_path / "asks.py").write_text(_ASKS)
    clock = SharedClock(tmp_path / "time")
    environment = {**os.environ, FILE_VARIABLE: str(tmp_path / "time"), "PYTHONPATH": f"{REPOSITORY}:{tmp_path}"}
    process = subprocess.Popen(
        [sys.executable, "-m", "local_pipeline.shared_time", "asks"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        for passed in (timedelta(), timedelta(hours=5), timedelta(days=40)):
            clock.advance(passed)
            before = clock.now()
            process.stdin.write("\n")
            process.stdin.flush()
            seen = [datetime.fromtimestamp(float(word), UTC) for word in process.stdout.readline().split()]
            assert len(seen) == 3
            second = timedelta(seconds=1)
            assert all(before - second < moment < clock.now() + second for moment in seen)
        process.stdin.close()
