"""How a program of the deployment ends that cannot go on."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from google.auth.exceptions import DefaultCredentialsError

from deployment.engine.discovery import InvalidRequest
from deployment.engine.google_error import GoogleError
from deployment.engine.plan import WrongResource
from deployment.flags_file import UnknownFlag


@contextmanager
def saying_why() -> Iterator[None]:
    """End the program where a step stops, and say on standard error what is wrong and what to do.

    Raises:
        SystemExit: it stops.
    """
    try:
        yield
    except GoogleError as error:
        _stop(*error.report(os.environ["PROJECT_ID"]))
    except InvalidRequest as error:
        _stop(f"Google's interface has no such request: {error}")
    except KeyboardInterrupt:
        # deploy.sh says so. Nothing waits for the reads that still run.
        os._exit(130)
    except UnknownFlag as error:
        _stop(str(error))
    except WrongResource as error:
        _stop(*error.args)
    except DefaultCredentialsError as error:
        _stop(str(error), "What to do: log in: gcloud auth login")


def _stop(*lines: str) -> None:
    print(f'\nStopped in step "{os.environ["STEP"]}".', *(f"  {line}" for line in lines), sep="\n", file=sys.stderr)
    print(
        f"  Then run {os.environ['AGAIN']} again: what is done stays done, and it goes on from here.", file=sys.stderr
    )
    sys.exit(1)
