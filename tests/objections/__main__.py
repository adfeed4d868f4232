"""Explores sequences: python -m tests.objections --every 2 --start own, or --random 200000."""

from tests.moments.__main__ import explore
from tests.objections.sequences import OPERATIONS, STARTS, play

if __name__ == "__main__":
    raise SystemExit(explore("tests.objections", STARTS, OPERATIONS, lambda start, names: play(STARTS[start], names)))
