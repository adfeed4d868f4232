"""The settings and secrets that kinds of report declare, read from the environment at start."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from functions.shared import needs
from functions.shared.logging import hide
from functions.shared.settings import DispatcherSettings, DlqHandlerSettings, Settings, WorkerSettings
from functions.worker.destinations.email.provider import PROVIDER_SETTINGS
from report_kit.kind_folders import folder
from report_kit.next_version import NextVersions

KINDS = folder()

_ALL_SETTINGS: tuple[type[Settings], ...] = (
    *(DispatcherSettings, WorkerSettings, DlqHandlerSettings),
    *PROVIDER_SETTINGS.values(),
)

OWN_VARIABLES = frozenset(
    {
        *(field.upper() for settings in _ALL_SETTINGS for field in settings.model_fields),
        # Of the function that takes the providers' events.
        *("SENDGRID_WEBHOOK_KEY", "RESEND_WEBHOOK_SECRET"),
        # https://cloud.google.com/run/docs/container-contract#services-env-vars
        *("K_SERVICE", "K_REVISION", "K_CONFIGURATION", "FUNCTION_TARGET", "FUNCTION_SIGNATURE_TYPE"),
        *("FIRESTORE_EMULATOR_HOST", "FIRESTORE_REST_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST"),
        *("CLOUD_TASKS_EMULATOR_HOST", "LOG_EXECUTION_ID"),
    }
)
"""What no kind may declare, since it has a meaning already."""

KindSettings = Mapping[str, Mapping[str, str]]
"""Values by kind and by variable. A kind that declares none may be absent."""


def local_settings(
    kind: str, variables: Mapping[str, str] = MappingProxyType({}), *, kinds: Path = KINDS
) -> Mapping[str, str]:
    """What a kind is given where there is no deployment, as in its tests: the defaults of its settings, and the local
    values of its secrets. What has neither is its own name.

    Args:
        kind: which.
        variables: what is given otherwise, by name.
        kinds: the folder with all of them.

    Raises:
        InvalidNeeds: a needs.yaml is malformed.
    """
    declared = needs.load(kinds, reserved=OWN_VARIABLES).get(kind, needs.Needs())
    return {name: variables.get(name) or value for name, value in declared.local_values.items()}


def load_needs(*, kinds: Path = KINDS) -> Mapping[str, needs.Needs]:
    """What the kinds declare, for a function at start.

    Args:
        kinds: the folder with all of them.

    Raises:
        SystemExit: with one line that says what is wrong.
    """
    try:
        return needs.load(kinds, reserved=OWN_VARIABLES)
    except needs.InvalidNeeds as error:
        sys.exit(f"Cannot start: {error}")


def load_kind_settings(declared: Mapping[str, needs.Needs], variables: Mapping[str, str]) -> KindSettings:
    """What each kind is given, for a function at start. Where Firestore is an emulator, local values count.

    Args:
        declared: by the kinds.
        variables: the environment.

    Raises:
        SystemExit: with one line that says what is wrong. Values are not repeated: some are secrets.
    """
    try:
        found = needs.values(declared, variables, local=bool(variables.get("FIRESTORE_EMULATOR_HOST")))
    except needs.NotSet as error:
        sys.exit(f"Cannot start: {error}")
    given = ((found[kind][name], secret) for kind, each in declared.items() for name, secret in each.secrets.items())
    hide(value for value, secret in given if value != secret.local)
    return found


def next_versions(declared: Mapping[str, needs.Needs]) -> NextVersions:
    """The kinds that have a next version."""
    return {kind: each.next for kind, each in declared.items() if each.next is not None}
