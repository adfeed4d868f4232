"""`python -m proof.benchmarks [NAME …]`: all benchmarks, or some, one table after another.

With `--beside REVISION` another version of this repository is measured in turn with this one.
"""

import functools
import os
import platform
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from proof.benchmarks import (
    absence,
    cold_start,
    console,
    fan_out,
    memory,
    render,
    worker,
)
from proof.benchmarks.checkout import Checkout, NoSuchRevision, checked_out
from proof.benchmarks.failure import CAN_GO_WRONG, in_one_line, unfit_machine
from proof.benchmarks.peers import bench as peers
from proof.benchmarks.table import Table

BENCHMARKS: dict[str, Callable[[], Iterator[Table]]] = {
    "fan-out": fan_out.measure,
    "memory": memory.measure,
    "worker": worker.measure,
    "render": render.measure,
    "cold-start": cold_start.measure,
    "console": console.measure,
    "peers": peers.measure,
    "absence": absence.measure,
}

BESIDE: dict[str, Callable[[Checkout], Iterator[Table]]] = {
    "fan-out": fan_out.measure_beside,
    "worker": worker.measure_beside,
    "cold-start": cold_start.measure_beside,
}


_STOPPED = 130
"""The exit status of a program that Ctrl-C ended, as shells have it."""


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
    if reason := unfit_machine():
        raise SystemExit(reason)
    chosen = {
        name: functools.partial(_measure_beside, name, beside) if beside else BENCHMARKS[name]
        for name in names or known
    }
    try:
        failures = _carry_out_all(chosen, output)
    except KeyboardInterrupt:
        print("benchmarks: stopped", file=sys.stderr)
        raise SystemExit(_STOPPED) from None
    if failures:
        raise SystemExit(1)


def _carry_out_all(benchmarks: Mapping[str, Callable[[], Iterator[Table]]], output: Path | None) -> int:
    """Measure one after another, whatever goes wrong with one of them. Returns how many have no table."""
    texts = [_machine()]
    print(texts[0], flush=True)
    failures = 0
    for name, measure in benchmarks.items():
        try:
            for text in carry_out(name, measure):
                texts.append(text)
                print(text, flush=True)
        except NoTable as error:
            failures += 1
            texts.append(f"{error}\n")
            print(error, file=sys.stderr, flush=True)
    if output is not None:
        output.write_text("\n".join(texts), encoding="utf-8")
    return failures


class NoTable(Exception):
    """A benchmark ended without its table; the text says why, in one line."""


def carry_out(name: str, measure: Callable[[], Iterator[Table]]) -> Iterator[str]:
    """Measure, and yield each table as Markdown when it is ready.

    Args:
        name: of the benchmark.
        measure: it.

    Raises:
        NoTable: something went wrong that is no mistake in the benchmark.
    """
    try:
        for table in measure():
            yield table.to_markdown()
    except CAN_GO_WRONG as error:
        raise NoTable(f"{name}: no table: {in_one_line(error)}") from error


def _measure_beside(name: str, revision: str) -> Iterator[Table]:
    try:
        with checked_out(revision) as checkout:
            yield from BESIDE[name](checkout)
    except NoSuchRevision as error:
        raise typer.BadParameter(str(error)) from error


def _machine() -> str:
    gigabytes = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    command = shlex.join(["python", "-m", "proof.benchmarks", *sys.argv[1:]])
    return (
        f"`{command}` on {datetime.now(UTC):%Y-%m-%d}: {len(os.sched_getaffinity(0))} cores, {gigabytes:.0f} GB, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}.\n"
    )


if __name__ == "__main__":
    typer.run(main)
