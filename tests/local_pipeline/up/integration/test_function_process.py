"""The runner, with real functions under functions-framework."""

import asyncio
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from local_cloud.errors import LocalCloudError, PortInUse
from local_pipeline.function_process import FunctionProcess
from tests.support import free_ports

FUNCTION = """
import os, sys
if os.environ.get("BREAK"):
    sys.exit("BREAK: is set (environment variables)")
def hello(request):
    return f"pid {os.getpid()} of {os.environ['K_SERVICE']}"
"""


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., FunctionProcess]:
    source = tmp_path / "main.py"
    source.write_text(FUNCTION)

    def make_process(port: int, events: list[str] | None = None, **environment: str) -> FunctionProcess:
        return FunctionProcess(
            name="hello",
            source=source,
            target="hello",
            port=port,
            environment={**os.environ, **environment},
            log_directory=tmp_path / "logs",
            on_event=(events if events is not None else []).append,
        )

    return make_process


def answer(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=100) as response:
        text: str = response.read().decode()
        return text


def process_group_is_gone(group: int) -> bool:
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


async def test_it_serves_and_leaves_no_process_behind(make: Callable[..., FunctionProcess]) -> None:
    process = make(free_ports(1))
    await process.start()
    pid = process.pid
    assert pid is not None
    assert "of hello" in await asyncio.to_thread(answer, process.port)
    await process.stop()
    assert process.pid is None
    assert process_group_is_gone(pid)


async def test_one_that_dies_is_started_again(make: Callable[..., FunctionProcess]) -> None:
    events: list[str] = []
    process = make(free_ports(1), events)
    await process.start()
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(100):
        while process.pid in {None, first}:
            await asyncio.sleep(0.05)
        while True:
            try:
                assert "of hello" in await asyncio.to_thread(answer, process.port)
                break
            except OSError:
                await asyncio.sleep(0.05)
    await process.stop()
    assert len(events) == 1
    assert "SIGKILL" in events[0]
    assert process_group_is_gone(first)


async def test_a_broken_configuration_is_told_in_the_functions_own_words(make: Callable[..., FunctionProcess]) -> None:
    process = make(free_ports(1), BREAK="1")
    with pytest.raises(LocalCloudError, match="hello does not start: BREAK: is set") as caught:
        await process.start()
    assert "\n" not in str(caught.value)
    assert process.pid is None


async def test_a_port_in_use_is_named(make: Callable[..., FunctionProcess]) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(PortInUse, match=f"Port {port} .hello. is in use"):
            await make(port).start()
