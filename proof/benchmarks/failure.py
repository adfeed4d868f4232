"""What can go wrong with a benchmark that is no mistake in it, and how it is said in one line."""

import subprocess
from concurrent.futures import BrokenExecutor
from pathlib import Path

import aiohttp
import grpc
from google.api_core.exceptions import GoogleAPIError

from local_cloud.errors import LocalCloudError

_LONGEST = 400


class BenchmarkFailed(Exception):
    """A benchmark cannot go on: its results would not be comparable, or what it measures does not run."""


CAN_GO_WRONG = (
    BenchmarkFailed,
    LocalCloudError,
    OSError,  # A port in use, a full disk, a time limit, and whatever requests raises.
    aiohttp.ClientError,
    grpc.RpcError,
    GoogleAPIError,
    subprocess.SubprocessError,
    BrokenExecutor,
)
"""What is said in one line. Anything else is a mistake in the benchmark, and needs its traceback."""


def in_one_line(error: BaseException) -> str:
    """What went wrong, without line breaks, at most so long as fits a terminal's few lines."""
    said = str(error)
    if isinstance(error, subprocess.CalledProcessError):
        said = f"a process ended with {error.returncode}: {last_line(error.stderr or '')}"
    text = " ".join(said.split()) or type(error).__name__
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def last_line(output: str) -> str:
    """The last line of a program's output, where Python says what ended it."""
    return next((line for line in reversed(output.splitlines()) if line.strip()), "it said nothing")


def unfit_machine(processes: Path = Path("/proc")) -> str | None:
    """Why this machine cannot run the benchmarks; None if it can.

    Args:
        processes: where the kernel says what processes use.
    """
    if not (processes / "self" / "stat").is_file():
        return f"benchmarks need Linux: they read what a process uses from {processes}, which is not here"
    return None
