"""What a provider did not say."""

from dataclasses import dataclass


@dataclass(frozen=True)
class NotReadable:
    """The provider did not say.

    Attributes:
        why: such as that the key lacks a scope.
        is_key_refused: whether the provider takes the key for none.
    """

    why: str
    is_key_refused: bool = False
