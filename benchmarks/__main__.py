"""`python -m benchmarks [NAME …]`: all benchmarks, or some, one table after another.

With `--beside REVISION` another version of this repository is measured in turn with this one.
"""

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
from benchmarks.checkout import Checkout, NoSuchRevision, checked_out
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

BESIDE: dict[str, Callable[[Checkout], Iterator[Table]]] = {
    "worker": worker.measure_beside,
}


def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Some of: {', '.join(BENCHMARKS)}.")] = None,
    *,
    beside: Annotated[
        str, typer.Option(help=f"A revision to measure in turn with this checkout: {', '.join(BESIDE)}.")
    ] = "",
    output: Annotated[Path | None, typer.Option(help="A file that the tables are written to as well.")] = None,
) -> None:
    """Measure, and write each table as Markdown when it is ready."""
    known = BESIDE if beside else BENCHMARKS
    unknown = set(names or ()) - set(known)
    if unknown:
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: not among {', '.join(known)}")
    texts = [_machine()]
    print(texts[0], flush=True)
    for name in names or known:
        for table in _measure_beside(name, beside) if beside else BENCHMARKS[name]():
            texts.append(table.to_markdown())
            print(texts[-1], flush=True)
    if output is not None:
        output.write_text("\n".join(texts), encoding="utf-8")


def _measure_beside(name: str, revision: str) -> Iterator[Table]:
    try:
        with checked_out(revision) as checkout:
            yield from BESIDE[name](checkout)
    except NoSuchRevision as error:
        raise typer.BadParameter(str(error)) from error


def _machine() -> str:
    gigabytes = sysconf("SC_PHYS_PAGES") * sysconf("SC_PAGE_SIZE") / 1e9
    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    return (
        f"`{command}` on {datetime.now(UTC):%Y-%m-%d}: {len(sched_getaffinity(0))} cores, {gigabytes:.0f} GB, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}.\n"
    )


if __name__ == "__main__":
    typer.run(main)
