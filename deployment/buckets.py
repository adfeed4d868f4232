"""The pipeline's buckets: that for sources, which has the lock, too, and with ARCHIVE that of copies of emails
(docs/guides/archive.md). The engine does not read their policies: who may read and write them is in the
project's policy, by conditions (deployment/resources/accounts.py)."""

from typing import Any

from deployment.engine.differences import differences
from deployment.engine.discovery import Resource
from deployment.report import Line
from deployment.resources.firestore import BUCKET
from deployment.run import Run
from deployment.stopped import Stopped

ONLY_POLICIES = {
    "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}
}
"""That a bucket is open to nobody but whom its policy names."""


def _encryption(run: Run) -> dict[str, Any]:
    """The field of a bucket that names KMS_KEY, if that is set."""
    return {"encryption": {"defaultKmsKeyName": run.settings.kms_key}} if run.settings.kms_key else {}


def bucket_of(run: Run, name: str, use: str, fields: dict[str, Any], *lines: Line) -> Resource | None:
    """A bucket; None if it is not there, and planned. Names of buckets are the same for all the world, so one that
    another project has stops the run."""
    asked = BUCKET.method("get").request(name)
    there = run.client.read_if_there(asked)
    if there is None:
        made = {"name": name, "location": run.settings.region, **fields, **_encryption(run)}
        insert = BUCKET.method("insert").request("", made, query={"project": run.settings.project_id})
        run.act(lines, [insert], lambda: run.client.send(insert, is_done=lambda: run.client.read_if_there(asked)))
    elif str(there["projectNumber"]) != run.settings.project_number:
        raise Stopped(f"the bucket {name}, where {use}, is another project's.")
    return there


def set_up_archive(run: Run) -> None:
    """Plan the bucket. One that is no longer wanted stays, with what is in it."""
    name = run.settings.copies
    if run.settings.archive != "on":
        return
    wanted = {
        **ONLY_POLICIES,
        # Each copy has the end of its days as its custom time.
        "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"daysSinceCustomTime": 0}}]},
        # What is erased is gone at once, and what is deleted costs nothing more.
        "softDeletePolicy": {"retentionDurationSeconds": "0"},
        **_encryption(run),
    }
    there = bucket_of(run, name, "copies of emails would go", wanted, ("created", f"bucket {name}"))
    if there is None:
        return
    if changed := [*differences(there, wanted)]:
        run.send(BUCKET.method("patch").request(name, wanted), ("changed", f"bucket {name}: {', '.join(changed)}"))
    else:
        run.report.note("unchanged", f"bucket {name}")
