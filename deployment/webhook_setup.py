"""What setting up an email provider's webhook has in common among providers (sendgrid_webhook.py,
resend_webhook.py)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from deployment.mail_api import MailApi, MailApiError, NotAllowed


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """A webhook of the account. The key is what its calls are known by: SendGrid's public key, or Resend's secret."""

    id: str = ""
    url: str
    name: str = ""
    enabled: bool = False
    events: frozenset[str] = frozenset()
    key: str = ""


class WebhookSetup:
    """Makes one webhook as it is to be; in a dry run, only says what would be changed. `note` is told what was done, as
    created, changed, removed or unchanged, and to what; also before a failure."""

    needs = ""
    """What the API key must be allowed to do."""

    def __init__(self, api: MailApi, url: str, note: Callable[[str, str], None], *, dry_run: bool = False) -> None:
        self._api = api
        self._url = url
        self._note = note
        self._dry_run = dry_run
        self._what = f"event webhook to {url}"

    def reason(self, error: MailApiError) -> str:
        needs = f". To set webhooks up, the API key needs {self.needs}" if isinstance(error, NotAllowed) else ""
        return f"{error}{needs}"

    @staticmethod
    def names(events: Iterable[str]) -> list[str]:
        """The provider's names of events, given SendGrid's."""
        return sorted(events)

    def _change(self, method: str, path: str, body: object = None) -> Any:
        return None if self._dry_run else self._api.call(method, path, body)
