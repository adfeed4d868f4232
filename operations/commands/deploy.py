"""`reports deploy`: the project on Google Cloud."""

from operations.commands.pass_on import CONTEXT_SETTINGS, Arguments, become

__all__ = ["CONTEXT_SETTINGS", "deploy"]


def deploy(arguments: Arguments = None) -> None:
    """Deploy the pipeline with the kinds of this project to Google Cloud, by deploy.sh and its options."""
    from operations.projects.deployment import deployment

    become(deployment(arguments or []))
