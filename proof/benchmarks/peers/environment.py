"""What the compared systems need, made for a run and removed after it: packages, and a Redis where it is installed."""

import re
import shutil
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = Path(__file__).parent / "requirements.lock"
_START_SECONDS = 20.0


class Missing(Exception):
    """What the compared systems need cannot be had; the text says why and what to do."""


def make_environment(folder: Path) -> Path:
    """Make a virtual environment with the packages of requirements.lock, and return its Python.

    Raises:
        Missing: the package index does not answer, or has not what the file names.
    """
    say(f"making an environment in {folder}, with the packages of proof/benchmarks/peers/{LOCK.name}")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    options = ["--require-hashes", "--no-input", "--disable-pip-version-check", "--retries", "2", "--timeout", "20"]
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *options, "-r", LOCK], capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise Missing(
            f"the package index cannot be reached, or lacks one of them ({reason}). PIP_INDEX_URL names another index."
        )
    return python


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Run a Redis of one's own, and yield its URL without a database.

    Raises:
        Missing: none is installed.
    """
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise Missing("they keep what they know in Redis, and no redis-server is installed.")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def say(text: str) -> None:
    """Tell the person who waits what is under way."""
    print(f"peers: {text}", file=sys.stderr, flush=True)


def locked_version(package: str) -> str:
    """The version that requirements.lock names."""
    found = re.search(rf"^{re.escape(package)}==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]
