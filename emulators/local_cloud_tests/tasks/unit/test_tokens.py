"""Tokens, and how long they are used again."""

from local_cloud.tasks.moments import SECOND
from local_cloud.tasks.tokens import Tokens

NOW = 1_800_000_000 * SECOND


def counting_tokens() -> Tokens:
    signed: list[str] = []

    def mint(email: str, audience: str) -> str:
        signed.append(f"{email} {audience} {len(signed)}")
        return signed[-1]

    return Tokens(mint)


def test_a_token_is_for_one_account_and_one_audience() -> None:
    tokens = counting_tokens()

    assert tokens.oidc("a@p", "x", NOW) == "a@p x 0"
    assert tokens.oidc("a@p", "y", NOW) == "a@p y 1"
    assert tokens.oidc("b@p", "x", NOW) == "b@p x 2"


def test_it_is_used_again_for_five_minutes() -> None:
    tokens = counting_tokens()
    first = tokens.oidc("a@p", "x", NOW)

    assert tokens.oidc("a@p", "x", NOW + 299 * SECOND) == first
    assert tokens.oidc("a@p", "x", NOW + 300 * SECOND) != first


def test_the_oldest_is_forgotten_among_very_many() -> None:
    tokens = counting_tokens()
    first = tokens.oidc("a@p", "0", NOW)
    for audience in range(1, 1001):
        tokens.oidc("a@p", str(audience), NOW)

    assert tokens.oidc("a@p", "0", NOW) != first


def test_an_access_token_looks_like_googles() -> None:
    tokens = counting_tokens()

    assert tokens.oauth("a@p", "s", NOW).startswith("ya29.")
    assert tokens.oauth("a@p", "s", NOW) == tokens.oauth("a@p", "s", NOW)
    assert tokens.oauth("a@p", "s", NOW) != tokens.oauth("b@p", "s", NOW)
