"""What Cloud Build makes of sources."""

import gzip
import hashlib
import io
import json
import re
import tarfile
from http import HTTPStatus

from tests.deployment.stand_in.cloud_run import Act
from tests.deployment.stand_in.invalid import Invalid
from tests.deployment.stand_in.rest_request import Resource, RestAnswer
from tests.deployment.stand_in.storage import generation_of
from tests.deployment.stand_in.the_project import NUMBER

RUNTIMES = frozenset({"python310", "python311", "python312", "python313", "python314"})
"""Those of Python that a base image can be named after. https://docs.cloud.google.com/run/docs/runtimes/python"""


def _submit(state: Resource, place: str, body: Resource, _query: dict[str, str]) -> RestAnswer:
    source, buildpack = body["storageSource"], body["buildpackBuild"]
    content = state["objects"][f"{source['bucket']}/{source['object']}"]
    if source.get("generation", generation_of(content)) != generation_of(content):
        raise KeyError(source["generation"])
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(content))) as archive:
        files = archive.getnames()
    base = buildpack.get("baseImage", "")
    if base and base not in RUNTIMES:
        raise Invalid(f"The base image {base} is not supported.")
    state["resources"][body["serviceAccount"]]
    path, _, service = body["imageUri"].rpartition("/")
    state["resources"][f"{place}/repositories/{path.rpartition('/')[2]}"]
    state["count"] += 1
    build: Resource = {
        "name": f"projects/{NUMBER}/locations/{place.rpartition('/')[2]}/builds/b{state['count']}",
        "logUrl": f"https://console.cloud.google.com/cloud-build/builds/b{state['count']}",
        "createTime": "2026-11-24T13:00:00Z",
        "status": "QUEUED",
    }
    if state["build_fails"]:
        reason = state["build_fails"].pop(0)
        over: Resource = {"status": "FAILURE", "failureInfo": {} if reason == "FAILURE" else {"type": reason}}
    elif ("main.py" if base else "Procfile") in files:
        made = hashlib.sha256(content + json.dumps(buildpack).encode()).hexdigest()
        image = f"{body['imageUri']}@sha256:{made}"
        state["images"][image] = bool(base)
        state["deployed_files"][service] = sorted(files)
        over = {"status": "SUCCESS", "results": {"images": [{"name": body["imageUri"], "digest": f"sha256:{made}"}]}}
    else:
        over = {"status": "FAILURE", "statusDetail": "no buildpack groups passed detection"}
    state["resources"][build["name"]] = build | over
    runtimes = f"{place.rpartition('/')[2]}-docker.pkg.dev/serverless-runtimes/google-22-full/runtimes"
    operation = {"name": f"{place}/operations/b{state['count']}", "metadata": {"build": build}}
    return HTTPStatus.OK, {"buildOperation": operation} | ({"baseImageUri": f"{runtimes}/{base}"} if base else {})


def _log(state: Resource, _target: str, body: Resource, _query: dict[str, str]) -> RestAnswer:
    """The log of a build: two entries a second, of which a reader sees one more with each look."""
    asked = re.fullmatch(
        r'logName="projects/.+/logs/cloudbuild" AND resource\.type="build" AND resource\.labels\.build_id="(b\d+)" AND '
        r'timestamp>="(.+)"',
        body["filter"],
    )
    if asked is None or body["orderBy"] != "timestamp asc":
        raise Invalid(f"filter: {body['filter']}")
    state["log_looks"] += 1
    entries = [
        {"insertId": f"{asked[1]}-{number}", "timestamp": f"2026-11-24T13:00:{number // 2:02}Z", "textPayload": text}
        for number, text in enumerate(state["build_log"][: state["log_looks"]])
    ]
    return HTTPStatus.OK, {"entries": [each for each in entries if each["timestamp"] >= asked[2]]}


ACTS: dict[str, Act] = {"logging.entries.list": _log, "run.projects.locations.builds.submit": _submit}
