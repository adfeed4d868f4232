"""`reports deploy`: the project on Google Cloud."""

from operations.commands.pass_on import CONTEXT_SETTINGS, Arguments, become

__all__ = ["CONTEXT_SETTINGS", "deploy"]


def deploy(arguments: Arguments = None) -> None:
    """Take a Google Cloud project to a running pipeline with the kinds of this project. The options are deploy.sh's."""
    from operations.projects.deployment import deployment

    become(deployment(arguments or []))
