"""Reads what a new user gets, from the deployed functions or the local cloud."""

from functions.shared.records.subscription import SubscriptionDefaults
from functions.shared.settings import SubscriptionSettings
from operations.connection.read_settings import read_settings
from operations.connection.target import Target


def subscription_defaults(target: Target) -> SubscriptionDefaults:
    """Read `DEFAULT_KIND` and `DEFAULT_CADENCE`.

    Raises:
        NotConfigured: one of them is malformed, there is no kind, or the deployed functions cannot be asked for it. A
            guess would show due times at which nothing is sent.
    """
    settings = read_settings(SubscriptionSettings, target.look_up)
    return SubscriptionDefaults(kind=settings.default_kind, cadence=settings.default_cadence)
