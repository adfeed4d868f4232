"""The tokens that tasks carry to their workers."""

import secrets
from collections import OrderedDict
from collections.abc import Callable

from local_cloud.identity import MintToken
from local_cloud.tasks.moments import SECOND

_LIFETIME = 5 * 60 * SECOND
"""How long a token is used again. It is valid for an hour, and signing one takes longer than sending a task."""

_CAPACITY = 1000
"""How many tokens are kept: each URL is an audience of its own where a task names none."""


class Tokens:
    """Makes tokens, and uses them again for a while.

    Args:
        mint_token: signs the OIDC tokens.
    """

    def __init__(self, mint_token: MintToken) -> None:
        self._mint_token = mint_token
        self._kept: OrderedDict[tuple[str, str, str], tuple[int, str]] = OrderedDict()

    def oidc(self, email: str, audience: str, now: int) -> str:
        """A signed token of a service account for an audience."""
        return self._get(("oidc", email, audience), now, lambda: self._mint_token(email, audience))

    def oauth(self, email: str, scope: str, now: int) -> str:
        """A text in the form of Google's access tokens. No local service checks one: they are for Google's own APIs."""
        return self._get(("oauth", email, scope), now, lambda: f"ya29.{secrets.token_urlsafe(96)}")

    def _get(self, key: tuple[str, str, str], now: int, make: Callable[[], str]) -> str:
        made_at, token = self._kept.get(key, (0, ""))
        if not 0 <= now - made_at < _LIFETIME:
            token = make()
            self._kept[key] = (now, token)
            self._kept.move_to_end(key)
            if len(self._kept) > _CAPACITY:
                self._kept.popitem(last=False)
        return token
