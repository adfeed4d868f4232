"""`python -m benchmarks [NAME …]`: all benchmarks, or some, one table after another."""

import platform
import shlex
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from os import sched_getaffinity, sysconf
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import (
    alert_storm,
    cold_start,
    console,
    continuation,
    emulators,
    fan_out,
    memory,
    render,
    side_by_side,
    worker,
)
from benchmarks.peers import bench as peers
from benchmarks.table import Table

BENCHMARKS: dict[str, Callable[[], Iterator[Table]]] = {
    "fan-out": fan_out.measure,
    "memory": memory.measure,
    "worker": worker.measure,
    "render": render.measure,
    "cold-start": cold_start.measure,
    "emulators": emulators.measure,
    "continuation": continuation.measure,
    "side-by-side": side_by_side.measure,
    "alert-storm": alert_storm.measure,
    "console": console.measure,
    "peers": peers.measure,
}


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Some of: {', '.join(BENCHMARKS)}.")] = None,
    *,
    output: Annotated[Path | None, typer.Option(help="A file that the tables are written to as well.")] = None,
) -> None:
    """Measure, and write each table as Markdown when it is ready."""
    unknown = set(names or ()) - set(BENCHMARKS)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: not among {', '.join(BENCHMARKS)}")
    texts = [_machine()]
    print(texts[0], flush=True)
    for name in names or BENCHMARKS:
        for table in BENCHMARKS[name]():
            texts.append(table.to_markdown())
            print(texts[-1], flush=True)
    if output is not None:
        output.write_text("\n".join(texts), encoding="utf-8")


def _machine() -> str:
    gigabytes = sysconf("SC_PHYS_PAGES") * sysconf("SC_PAGE_SIZE") / 1e9
    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    return (
        f"`{command}` on {datetime.now(UTC):%Y-%m-%d}: {len(sched_getaffinity(0))} cores, {gigabytes:.0f} GB, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}.\n"
    )


if __name__ == "__main__":
    typer.run(main)
