"""`python -m operations`, and the script `reports` at the repository's root."""

import sys

from operations.commands.app import app
from operations.errors import ExitStatus
from operations.output import guard_logs, print_traceback


def main() -> None:
    """Carry out a command line."""
    guard_logs()
    try:
        app(prog_name="reports")
    except Exception as error:  # noqa: BLE001  printed in full
        print_traceback(error)
        sys.exit(ExitStatus.FAILED)


if __name__ == "__main__":
    main()
