"""What runs: the pipeline's version and commit, and those of the project."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from functions.shared.project_files import own_project
from operations.console.console import console_of
from operations.releases.running_versions import checkout_version, deployed_versions


def show_versions(request: Request) -> Response:
    """Each function and the console as they are deployed, or what the local cloud runs."""
    console = console_of(request)
    is_local = bool(console.session.target.emulators)
    versions = [checkout_version(project=own_project())] if is_local else deployed_versions(console.session)
    return console.view.page(request, "versions.html", versions=versions)


ROUTES = [Route("/versions", show_versions)]
