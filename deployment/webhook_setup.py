"""What the programs that set up a mail provider's webhook have in common (sendgrid_webhook.py, resend_webhook.py).

The API key is read from standard input, so that no list of processes shows it. What was done is a line each, with a tab
in between, also before a failure:

    created|changed|removed WHAT   with --dry-run: what would be
    unchanged WHAT
    key KEY                        what the provider's calls are verified by

A failure is a line on standard error; the status is 3 where a person has to do something at the provider, and 4 where
the same call may succeed later.
"""

import sys
from collections.abc import Callable
from typing import Any

from deployment.mail_api import MailApi, NotAllowed, Refused, Unreachable

STATUS_BY_HAND, STATUS_LATER = 3, 4


class WebhookSetup:
    """Makes one webhook as it is to be.

    Args:
        api: of the provider.
        url: where the webhook sends to.
        dry_run: change nothing, and say what would be changed.
    """

    def __init__(self, api: MailApi, url: str, *, dry_run: bool = False) -> None:
        self._api = api
        self._url = url
        self._dry_run = dry_run
        self._what = f"event webhook to {url}"

    def _change(self, method: str, path: str, body: object = None) -> Any:
        return None if self._dry_run else self._api.call(method, path, body)


def say(what: str, about: str) -> None:
    """Print what was done, or what there is."""
    print(f"{what}\t{about}", flush=True)


def read_key() -> str:
    """The API key."""
    return sys.stdin.readline().strip()


def exit_status(command: Callable[[], None], *, needs: str, hint: Callable[[Refused], str] = lambda _error: "") -> int:
    """Carry out one command, and say why it fails.

    Args:
        command: which.
        needs: what the API key must be allowed to do.
        hint: what to do about a refusal, behind the provider's words; may be empty.
    """
    try:
        command()
    except NotAllowed as error:
        sys.stderr.write(f"{error}. To set webhooks up, the API key needs {needs}\n")
        return STATUS_BY_HAND
    except Refused as error:
        sys.stderr.write(f"{error}{hint(error)}\n")
        return STATUS_BY_HAND
    except Unreachable as error:
        sys.stderr.write(f"{error}\n")
        return STATUS_LATER
    return 0
