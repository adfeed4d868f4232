"""`python -m operations`, and the script `reports` at the repository's root."""

import sys
import warnings

INTERRUPTED = 130
"""The exit status after Ctrl-C, as a shell has it."""


def main() -> None:
    """Carry out a command line."""
    # Google's libraries say so of each Python from its end of life on. What the locks hold goes on running.
    warnings.filterwarnings("ignore", "You are using a .*Python version", FutureWarning)
    try:
        # Here, so that Ctrl-C while it is imported is no traceback.
        from operations.commands.app import app

        app(prog_name="reports")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:  # noqa: BLE001  printed in full
        from operations.errors import ExitStatus
        from operations.output import print_traceback

        print_traceback(error)
        sys.exit(ExitStatus.FAILED)


if __name__ == "__main__":
    main()
