"""What a provider says of the sender, or why it does not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from deployment.mail_api import MailApi, MailApiError, Unreachable

_CALL_SECONDS = 10.0

Value = TypeVar("Value")


@dataclass(frozen=True)
class NotReadable:
    """The provider did not say: why, and whether it takes the key for none."""

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
        """Why it does not say what takes a right, if it takes one."""
        raise NotImplementedError
