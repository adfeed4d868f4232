"""The settings and secrets of a kind, as a command finds them."""

import os
from collections.abc import Mapping

from functions.shared.needs import Needs
from operations.previews import preview as previews
from operations.session import Session


def sample_variables(kind: str, *, own: bool = False) -> Mapping[str, str]:
    """A kind's own settings and secrets where it is shown a sample: a secret is what it is on the local cloud.

    Args:
        own: whether a secret that this command's environment has comes first, such as the address of a database.

    Raises:
        OperatorError: a needs.yaml is malformed, or a variable has no value.
    """
    secrets = {} if own else previews.known_needs().get(kind, Needs()).secrets
    made_up = {name: secret.local for name, secret in secrets.items()}
    return previews.kind_variables(kind, lambda name: made_up.get(name) or os.environ.get(name), local=True)


def kind_variables(current: Session, kind: str) -> Mapping[str, str]:
    """A kind's own settings and secrets: from this command's environment, else those of the deployed worker.

    Raises:
        OperatorError: a needs.yaml is malformed, or a variable has no value.
    """
    target = current.target

    def find(name: str) -> str | None:
        return os.environ.get(name) or target.find(name) or current.find_secret(name)

    return previews.kind_variables(kind, find, local=bool(target.emulators))
