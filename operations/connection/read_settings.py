"""Reads settings of the deployed functions, as far as a command needs them."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from functions.shared.settings import Settings, describe_problems
from operations.errors import NotConfigured

AnySettings = TypeVar("AnySettings", bound=Settings)


def read_settings(settings_class: type[AnySettings], find: Callable[[str], str | None]) -> AnySettings:
    """Read settings.

    Args:
        find: gives a variable by its name; None where the default holds.

    Raises:
        NotConfigured: a variable is malformed, or has no default.
    """
    found = {name: find(name.upper()) for name in settings_class.model_fields}
    try:
        return settings_class.model_validate({name: value for name, value in found.items() if value})
    except ValidationError as error:
        raise NotConfigured(f"{describe_problems(error)}.") from error
