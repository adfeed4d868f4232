"""Computes the rate that each report queue has today while a new domain is ramped up.

    ramp_rate.py START FIRST_DAY GROWTH FULL_RATE QUEUES

An empty FIRST_DAY or GROWTH is the default. Prints the rate, in dispatches a second; nothing once the ramp is over. A
setting that is not usable is a line on standard error, and status 1.
"""

import sys
from datetime import date, datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from functions.shared.queues.ramp import DEFAULT_FIRST_DAY, DEFAULT_GROWTH, GROWTHS, MOST_FIRST_DAY, Ramp


def wrong_settings(start: str, first_day: str, growth: str) -> list[str]:
    """Each setting that is not usable, a line each."""
    wrong = []
    try:
        is_day = date.fromisoformat(start).isoformat() == start
    except ValueError:
        is_day = False
    if not is_day:
        wrong.append("RAMP_START: a day such as 2026-12-01.")
    if first_day and not (first_day.isascii() and first_day.isdigit() and 0 < int(first_day[:12]) <= MOST_FIRST_DAY):
        wrong.append(f"RAMP_FIRST_DAY: a whole number of reports, from 1 to {MOST_FIRST_DAY:,}.")
    try:
        is_growth = GROWTHS[0] <= float(growth or DEFAULT_GROWTH) <= GROWTHS[1]
    except ValueError:
        is_growth = False
    if not is_growth:
        wrong.append(f"RAMP_GROWTH: a factor from {GROWTHS[0]} to {GROWTHS[1]}, such as 1.5.")
    return wrong


def main(start: str, first_day: str, growth: str, full_rate: str, queues: str) -> None:
    """Print the rate, or what is wrong."""
    if wrong := wrong_settings(start, first_day, growth):
        sys.exit("\n".join(wrong))
    ramp = Ramp(
        start=date.fromisoformat(start),
        first_day=int(first_day or DEFAULT_FIRST_DAY),
        growth=float(growth or DEFAULT_GROWTH),
        full_rate=float(full_rate),
        queues=int(queues),
    )
    today = datetime.now(timezone.utc).date()  # noqa: UP017  UTC is not in Python 3.10
    if not ramp.is_over(today):
        print(f"{ramp.rate(today):.15f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
