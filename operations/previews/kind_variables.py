"""The settings and secrets of a kind, as a command finds them."""

import os
from collections.abc import Mapping

from operations.previews import preview as previews
from operations.session import Session


def kind_variables(current: Session, kind: str, *, sample: bool) -> Mapping[str, str]:
    """A kind's own settings and secrets: from this command's environment, else those of the deployed worker.

    Args:
        sample: whether the kind is shown a sample, which needs no connection.

    Raises:
        OperatorError: a needs.yaml is malformed, or a variable has no value.
    """
    if sample:
        return previews.kind_variables(kind, os.environ.get, local=True)
    target = current.target

    def find(name: str) -> str | None:
        return os.environ.get(name) or target.find(name) or current.find_secret(name)

    return previews.kind_variables(kind, find, local=bool(target.emulators))
