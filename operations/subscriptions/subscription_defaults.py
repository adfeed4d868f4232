"""Reads what a new user gets, and who is one, from the deployed functions or the local cloud."""

from typing import TypeVar

from pydantic import ValidationError

from functions.shared.records.subscription import SubscriptionDefaults
from functions.shared.settings import EnrollmentSettings, Settings, SubscriptionSettings
from operations.connection.target import Target
from operations.errors import NotConfigured

_Settings = TypeVar("_Settings", bound=Settings)


def subscription_defaults(target: Target) -> SubscriptionDefaults:
    """Read `DEFAULT_KIND` and `DEFAULT_CADENCE`.

    Raises:
        NotConfigured: one of them is malformed, there is no kind, or the deployed functions cannot be asked for it. A
            guess would show due times at which nothing is sent.
    """
    settings = _read(SubscriptionSettings, target)
    return SubscriptionDefaults(kind=settings.default_kind, cadence=settings.default_cadence)


def enrollment_settings(target: Target) -> EnrollmentSettings:
    """Read `ENROLL` and `ENROLL_AT_ONCE`.

    Raises:
        NotConfigured: as for the defaults.
    """
    return _read(EnrollmentSettings, target)


def _read(settings_class: type[_Settings], target: Target) -> _Settings:
    found = {name: target.look_up(name.upper()) for name in settings_class.model_fields}
    try:
        return settings_class.model_validate({name: value for name, value in found.items() if value})
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        text = "; ".join(f"{str(each['loc'][0]).upper()}: {each['msg']}" for each in problems)
        raise NotConfigured(f"{text}.") from error
