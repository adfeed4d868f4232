"""Brings a source to Cloud Storage, and has Cloud Build make an image of it, as `gcloud run deploy --source` does.

https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.builds/submit
https://cloud.google.com/docs/buildpacks/python
"""

import hashlib
from base64 import b64encode
from collections import deque
from dataclasses import dataclass, field
from functools import cached_property

from deployment.cloud_run.build_log import BuildLog
from deployment.cloud_run.sources import IMAGE_TIME, Files, hash_of, packed
from deployment.engine.discovery import Request, Resource, method
from deployment.engine.google_client import FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS
from deployment.engine.google_error import GoogleError
from deployment.engine.young_things import PATIENCE_SECONDS
from deployment.run import Run
from deployment.settings import RUNTIME, Settings
from deployment.stopped import Stopped

_LOOKS_BETWEEN_READS = 5
"""Cloud Logging answers 60 readers of a project a minute, and six services may be built at once.
https://cloud.google.com/logging/quotas"""
_UPLOADS = 10
"""How often a source is brought anew while others replace it."""

_LAST_LINES = 20
_GOING_ON = ("PENDING", "QUEUED", "WORKING")
_PASSING = ("FETCH_SOURCE_FAILED", "PUSH_NOT_AUTHORIZED", "PUSH_FAILED", "LOGGING_FAILURE")
"""How a build fails whose account may not do something yet, and what Google says to try again. A buildpack that may not
reach the registry fails in a step, as one does that is given a wrong source.
https://cloud.google.com/build/docs/api/reference/rest/v1/projects.builds#FailureInfo"""


@dataclass(frozen=True, kw_only=True)
class Source:
    """The files that a service's image is built from. Without a function, they are a program with a Procfile."""

    service: str
    files: Files = field(repr=False)
    function: str = ""

    @cached_property
    def hash(self) -> str:
        """The beginning of the hash of the files: a label's value has at most 63 characters."""
        return hash_of(self.files)[:40]

    @property
    def object_name(self) -> str:
        """The name of the archive in the bucket. What has one hash is one object."""
        return f"services/{self.service}/{self.hash}.tar.gz"


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image by its digest, its base image, which Google patches without a deployment, and the archive that it was
    built from, such as gs://b/o. The last two are empty if they are unknown."""

    uri: str
    base: str
    source: str = ""


def archive_of(settings: Settings, source: Source) -> str:
    return f"gs://{settings.sources}/{source.object_name}"


def build_config(settings: Settings, source: Source) -> Resource:
    """How an image is made of a source, as a service says it."""
    # In a domain-scoped project the colon of the id is a slash in the path.
    project = settings.project_id.replace(":", "/")
    return {
        "imageUri": f"{settings.region}-docker.pkg.dev/{project}/{settings.prefix}-functions/{source.service}",
        "serviceAccount": f"projects/{settings.project_id}/serviceAccounts/{settings.account('build')}",
        **buildpack(source.function),
        **({"workerPool": settings.build_pool} if settings.build_pool else {}),
    }


def buildpack(function: str) -> Resource:
    """What the buildpack is told: of the console, which is no function, nothing."""
    if not function:
        return {}
    return {
        "functionTarget": function,
        "baseImage": RUNTIME,
        "enableAutomaticUpdates": True,
        # The build compiles the function's modules, and then sets the times of all files to 1980. Python takes that for
        # a change, and would compile them again in each new instance. If the build has this variable, Python compares
        # contents instead of times. https://docs.python.org/3/library/py_compile.html#py_compile.PycInvalidationMode
        "environmentVariables": {"SOURCE_DATE_EPOCH": str(IMAGE_TIME)},
    }


def upload_request(settings: Settings, source: Source, archive: bytes = b"", *, replaces: str = "0") -> Request:
    """The request that brings a source to the bucket, in place of one generation of the object; 0 for none. A plan
    names it without the archive, which takes a while to make."""
    return method("storage", "v1", "objects.insert").upload(
        settings.sources,
        archive,
        query={"name": source.object_name, "ifGenerationMatch": replaces},
        resumable=True,
    )


def build_request(settings: Settings, source: Source, generation: str = "<generation of the source>") -> Request:
    """The request that has an image made of one generation of a source. A plan does not know it yet."""
    config = build_config(settings, source)
    return method("run", "v2", "projects.locations.builds.submit").request(
        settings.place,
        {
            "storageSource": {"bucket": settings.sources, "object": source.object_name, "generation": generation},
            "imageUri": config["imageUri"],
            "serviceAccount": config["serviceAccount"],
            "buildpackBuild": buildpack(source.function),
            "tags": [f"service_{source.service}"],
            **({"workerPool": settings.build_pool} if settings.build_pool else {}),
        },
    )


def build(run: Run, source: Source) -> Image:
    """Make an image of a source, which takes minutes. A verbose run has the log."""
    submit = build_request(run.settings, source, _upload(run, source, packed(source.files)))
    account, young, waited = run.settings.account("build"), run.client.young, 0
    while True:
        granted = young.made(account)
        submitted = run.client.send(submit)
        if warning := submitted.get("baseImageWarning"):
            run.report.warn(f"{source.service}: {warning}")
        last: deque[str] = deque(maxlen=_LAST_LINES)
        built = _await_end(run, source, submitted["buildOperation"]["metadata"]["build"], last)
        if built["status"] == "SUCCESS":
            uri = f"{build_config(run.settings, source)['imageUri']}@{built['results']['images'][0]['digest']}"
            return Image(uri=uri, base=submitted.get("baseImageUri", ""), source=archive_of(run.settings, source))
        failure, is_new = built.get("failureInfo", {}), granted is not None and built["status"] == "FAILURE"
        if not is_new and (failure.get("type") not in _PASSING or waited >= PATIENCE_SECONDS):
            break
        seconds = max(FIRST_WAIT_SECONDS, min(waited, LONGEST_WAIT_SECONDS))
        age = f" (changed {(young.now() - granted).total_seconds():.0f} s ago)" if granted else ""
        run.report.say(
            f"  {source.service} is built again in {seconds} s: Google may not see yet what {account} may do{age}"
        )
        run.client.wait(seconds)
        waited += seconds
    detail = built.get("statusDetail") or failure.get("detail")
    raise Stopped(
        f"the build of {source.service} has failed: {built['status']}{f': {detail}' if detail else ''}.",
        f"Its log says why: {built.get('logUrl')}",
        *(f"  {line}" for line in last),
        *([f"If it names what {account} may not do: wait a little, and run this again."] if waited else []),
    )


def _upload(run: Run, source: Source, archive: bytes) -> str:
    """Bring an archive to the bucket, and say which generation of its object has this very content.

    Another may be there under its name: another zlib packs the same files otherwise, and whoever may write to the
    bucket can put there anything. It is replaced. A CRC32C would say nothing, since one can be made to measure.
    """
    wanted = b64encode(hashlib.md5(archive, usedforsecurity=False).digest()).decode()
    asked = method("storage", "v1", "objects.get").request(run.settings.sources, query={"object": source.object_name})
    replaces = "0"
    for _ in range(_UPLOADS):
        try:
            generation: str = run.client.send(upload_request(run.settings, source, archive, replaces=replaces))[
                "generation"
            ]
        except GoogleError as error:
            if error.code != "FAILED_PRECONDITION":
                raise
        else:
            return generation
        there = run.client.send(asked)
        replaces = str(there["generation"])
        # Only an object that was composed of others has none.
        if there.get("md5Hash") == wanted:
            return replaces
        run.report.warn(f"{archive_of(run.settings, source)} was not what this run has packed, and is replaced.")
    raise Stopped(
        f"something keeps replacing {archive_of(run.settings, source)}.", "Find out who writes to the bucket."
    )


def _await_end(run: Run, source: Source, build: Resource, last: deque[str]) -> Resource:
    """A build at its end. `last` gets the last lines of its log if the run is verbose or the build fails."""
    run.report.say(f"  building {source.service}: {build.get('logUrl')}")
    asked = method("cloudbuild", "v1", "projects.locations.builds.get").request(build["name"])
    log = BuildLog(run, build)
    for look in run.client.looks(f"the build of {source.service}"):
        if look:
            build = run.client.send(asked)
        is_over = build.get("status") not in _GOING_ON
        has_failed = is_over and build["status"] != "SUCCESS"
        if has_failed or (run.options.verbose and (is_over or look % _LOOKS_BETWEEN_READS == 0)):
            for line in log.new_lines():
                last.append(line)
                run.report.detail(f"{source.service}: {line}")
        if is_over:
            return build
    raise Stopped(f"the build {build['name']} is not over in half an hour.", f"Its log: {build.get('logUrl')}")
