"""`reports drill`: reports that go to no one, counted at the other end."""

import sys

from operations.commands.pass_on import CONTEXT_SETTINGS, Arguments, become

__all__ = ["CONTEXT_SETTINGS", "drill"]


def drill(arguments: Arguments = None) -> None:
    """Send reports that go to no one through a separate pipeline, and count what arrives."""
    from functions.shared.project_files import own_project
    from operations.projects.deployment import deployment_python

    options = arguments or []
    python = sys.executable if "--local" in options else deployment_python(own_project())
    become([python, "-m", "proof.drill", *options])
