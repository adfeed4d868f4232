"""`python -m operations`, and the script `reports` at the repository's root."""

import sys

from operations.commands.app import app


def main() -> None:
    """Carry out a command line."""
    try:
        app(prog_name="reports")
    except Exception as error:  # noqa: BLE001  printed in full
        from operations.errors import ExitStatus
        from operations.output import print_traceback

        print_traceback(error)
        sys.exit(ExitStatus.FAILED)


if __name__ == "__main__":
    main()
