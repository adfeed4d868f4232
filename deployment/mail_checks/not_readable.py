"""Questions to a provider about the sender, and the reason if it gives no answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from deployment.mail_api import MailApi, MailApiError, Unreachable

_CALL_SECONDS = 10.0

Value = TypeVar("Value")


@dataclass(frozen=True)
class NotReadable:
    """The reason that a provider gave no answer, and whether it refused the key."""

    why: str
    is_key_refused: bool = False


class Account:
    """Asks a provider, unless the key is empty. Once it has not answered, or refused the key, it is not asked again."""

    title = ""
    """The provider's name, for people."""

    def __init__(self, *, host: str, key: str, seconds: float = _CALL_SECONDS) -> None:
        self._api = MailApi(self.title, host, key, seconds=seconds)
        self._failure = None if key else NotReadable("the API key is not known here")

    def _read(self, read: Callable[[MailApi], Value], right: str = "") -> Value | NotReadable:
        if self._failure:
            return self._failure
        try:
            return read(self._api)
        except (LookupError, TypeError, ValueError, AttributeError):
            return NotReadable(f"{self.title}'s answer has another form")
        except MailApiError as error:
            why = self._why(error, right)
            self._failure = why if why.is_key_refused or isinstance(error, Unreachable) else None
            return why

    def _why(self, error: MailApiError, right: str) -> NotReadable:
        """The reason that an error gives, if the question takes a right; `right` is empty if it takes none."""
        raise NotImplementedError
