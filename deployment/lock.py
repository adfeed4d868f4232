"""The lock of a deployment: two of one pipeline at the same time would undo each other's work.

It is an object in the bucket for sources, which Cloud Storage makes for one of them alone. A deployment that was killed
leaves it there. https://cloud.google.com/storage/docs/request-preconditions

Beside it is the record of what the deployment has made and when: the next one knows by it what Google may not see
everywhere yet.
"""

import json
import os
import socket
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from deployment.apis import needed_apis
from deployment.buckets import ONLY_POLICIES, bucket_of
from deployment.engine.differences import differences
from deployment.engine.discovery import Request, method
from deployment.engine.google_error import GoogleError
from deployment.engine.young_things import YoungThings
from deployment.resources.firestore import BUCKET
from deployment.run import Run
from deployment.stopped import Stopped


def take_lock(run: Run) -> None:
    """Take it, unless the run has it already or changes nothing; Stopped if another run has it. What was read before is
    read again then."""
    settings, options, client = run.settings, run.options, run.client
    if run.lock or not _may_have_bucket(run) or options.dry_run:
        return
    run.carry_out()
    if options.break_lock and (theirs := client.read_if_there(_asked(run, "get"))):
        # Its record stays: this run has not read it yet.
        _remove(run, theirs["generation"])
    mine = {
        "who": f"{os.environ.get('USER', 'somebody')} on {socket.gethostname()}",
        "since": f"{run.now():%Y-%m-%d %H:%M:%S} UTC",
        "command": options.again,
        "run": uuid4().hex,
    }
    query = {"name": f"locks/{settings.prefix}", "ifGenerationMatch": "0"}
    insert = method("storage", "v1", "objects.insert").upload(settings.sources, json.dumps(mine).encode(), query=query)
    try:
        run.lock = client.send(insert)["generation"]
    except GoogleError as error:
        if error.code != "FAILED_PRECONDITION":
            raise
        holder = _read(run, f"locks/{settings.prefix}") or {}
        # Where the answer to the request was lost, and it was sent again.
        if holder.get("run") != mine["run"]:
            command, who, since = (holder.get(key, "unknown") for key in ("command", "who", "since"))
            raise Stopped(
                f"another deployment of {settings.prefix} is going on: {command}, by {who}, since {since}. "
                f"Nothing {'else ' * bool(run.report.counts['created'])}was changed.",
                "Wait until it is over, and run this again.",
                f"If it was killed: {options.again} --break-lock",
            ) from None
        run.lock = client.send(_asked(run, "get"))["generation"]
    run.recorded = _read(run, _record(run)) or {}
    client.young.take_over(run.recorded)
    if made := client.young.made(settings.sources):
        # The run that made it was killed before it could keep what it had enabled.
        for api in needed_apis(run):
            client.young.add(f"{api}.googleapis.com", made, is_grant=True)
    keep_record(run)
    client.remember()


def keep_record(run: Run, begun: Sequence[Request] = ()) -> None:
    """Keep what is young for the next run, if the run has the lock. A run that cannot goes on. What is about to begin
    may be carried out though the run is killed: so the next run waits if something refuses what it would make, and does
    not wait if that is absent."""
    record, kept, to_be = run.client.young.record(), YoungThings(run.now), YoungThings(run.now)
    for request in begun:
        to_be.note(request, {})
    record["granted"] = {name: at for each in to_be.record().values() for name, at in each.items()} | record["granted"]
    kept.take_over(run.recorded)
    # What has only grown old needs no write.
    if not run.lock or record == kept.record():
        return
    insert = method("storage", "v1", "objects.insert").upload(
        run.settings.sources, json.dumps(record).encode(), query={"name": _record(run)}
    )
    try:
        run.client.send(insert)
        run.recorded = record
    except GoogleError as error:
        run.report.warn(f"the next run will not know what is new: {error.message}")


def give_back_lock(run: Run, *, has_removed_all: bool = False) -> None:
    """Give it back, if the run has it, with the record unless nothing is left that the next run could wait for."""
    if not has_removed_all:
        keep_record(run)
    generation, run.lock = run.lock, ""
    if generation:
        _remove(run, generation, has_removed_all=has_removed_all)


def _remove(run: Run, generation: str, *, has_removed_all: bool = False) -> None:
    try:
        if has_removed_all:
            run.client.send(_asked(run, "delete", object=_record(run)))
        run.client.send(_asked(run, "delete", ifGenerationMatch=generation))
    except GoogleError as error:
        run.report.warn(f"the lock of this deployment is still there: {error.message}")


def has_bucket(run: Run) -> bool:
    return run.client.read_if_there(BUCKET.method("get").request(run.settings.sources)) is not None


def _may_have_bucket(run: Run) -> bool:
    """Whether the bucket for sources is there or planned."""
    name = run.settings.sources
    if run.options.teardown and not has_bucket(run):
        return False
    # Its name can be guessed.
    bucket = bucket_of(run, name, "sources go", ONLY_POLICIES)
    if bucket is not None and any(differences(bucket, ONLY_POLICIES)):
        run.report.by_hand(
            f"the bucket {name} may be open to others than its policy says: what is built is there.",
            f"To close it: gcloud storage buckets update gs://{name} --uniform-bucket-level-access "
            "--public-access-prevention",
        )
    return True


def _asked(run: Run, verb: str, **query: str) -> Request:
    asked = method("storage", "v1", f"objects.{verb}")
    return asked.request(run.settings.sources, query={"object": f"locks/{run.settings.prefix}", **query})


def _record(run: Run) -> str:
    """The name of the record. No prefix has a dot."""
    return f"locks/{run.settings.prefix}.made"


def _read(run: Run, name: str) -> dict[str, Any] | None:
    """An object that is JSON; None if it is not there, or something else."""
    asked = method("storage", "v1", "objects.get").request(run.settings.sources, query={"object": name, "alt": "media"})
    read = run.client.read_if_there(asked)
    try:
        found = json.loads(read["text"]) if read else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
