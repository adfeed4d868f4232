"""The images that another environment runs: what was tried there is deployed here, by the same digest.

https://cloud.google.com/run/docs/deploying#other-projects
"""

import re
from pathlib import Path

from deployment.cloud_run.builds import Image, Source
from deployment.cloud_run.traffic import Function, State
from deployment.engine.declared import Kind
from deployment.engine.discovery import Resource
from deployment.engine.google_error import GoogleError
from deployment.env_file import environment_in
from deployment.resources.project import google_account
from deployment.resources.services import SERVICE, what_of
from deployment.run import Run
from deployment.settings import Settings
from deployment.stopped import Stopped
from functions.shared.project_files import deploy_command

_CLOUD_BUILDS_KEY = re.compile(r"projects/verified-builder/.*/keyRings/attestor/cryptoKeys/builtByGCB/.*")
"""By which Cloud Build signs what it says of an image."""


def image_of(run: Run, name: str, source: Source) -> Image | None:
    """The image that the other environment runs for a function, or for the console; None if it has none of it, or if
    the run names no other environment. Raises Stopped if it may not be read, or was built from another source."""
    file = run.options.image_from
    if not file:
        return None
    there = run.settings.model_copy(update=environment_in(Path(file), run.settings.kinds))
    what = what_of(there, name)
    service = _service(run, there, name)
    if service is None:
        run.report.warn(f"the environment of {file} has no {what}: it is built here.")
        return None
    if Function(name, service).state not in {State.NEWEST, State.PINNED}:
        raise Stopped(f"not all traffic of {what} in {there.project_id} goes to its newest revision.")
    labels = service.get("labels", {})
    if labels.get("source-hash") != source.hash:
        raise Stopped(
            f"{what} in {there.project_id} is made of another source than this checkout's.",
            f"Deploy this commit there first, or check out that one: {labels.get('commit', 'without a label')}.",
        )
    [container] = service["template"]["containers"]
    image = Image(
        uri=container["image"],
        base=container.get("baseImageUri", ""),
        source=service.get("buildConfig", {}).get("sourceLocation", ""),
    )
    run.report.say(f"  {what} of {there.project_id}: {image.uri.rpartition('@')[2]}, {_provenance(run, there, image)}")
    return image


def _service(run: Run, there: Settings, name: str) -> Resource | None:
    target = f"{there.place}/services/{there.function(name)}"
    try:
        return run.client.read_if_there(SERVICE.method("get").request(target))
    except GoogleError as error:
        if error.code != "PERMISSION_DENIED":
            raise
        agent = google_account(run.settings, "run")[0]
        raise Stopped(
            f"{target} cannot be read: {error.message}",
            f"In {run.options.image_from}, IMAGE_READERS names who may, with commas between them: {agent}, and who "
            "deploys here.",
            f"Then an administrator runs {deploy_command()} --env-file={run.options.image_from} --bootstrap, and "
            "who deploys there deploys.",
        ) from None


def _provenance(run: Run, there: Settings, image: Image) -> str:
    """What Cloud Build says of an image, where the project keeps that.
    https://cloud.google.com/build/docs/securing-builds/view-build-provenance"""
    occurrences = Kind(
        api="containeranalysis",
        version="v1",
        collection="projects.occurrences",
        list_filter=f'kind = "BUILD" AND resourceUrl = "https://{image.uri}"',
    )
    try:
        found = run.client.all_of(occurrences, f"projects/{there.project_id}")
    except GoogleError as error:
        return f"whose provenance cannot be read: {error.message}"
    for each in found:
        if any(_CLOUD_BUILDS_KEY.fullmatch(one["keyid"]) for one in each.get("envelope", {}).get("signatures", [])):
            return f"with Cloud Build's provenance {each['name']}"
    return "without provenance of Cloud Build"
