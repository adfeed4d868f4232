"""The bucket of the archive: ARCHIVE. docs/guides/archive.md says what is in it.

It takes names of a whole project, and its policy is not among those that the engine reads: who may read and write it is
in the project's policy, by a condition (deployment/resources/accounts.py).
"""

from typing import Any

from deployment.engine.differences import differences
from deployment.resources.firestore import BUCKET
from deployment.run import Run
from deployment.settings import Settings
from deployment.stopped import Stopped


def set_up_archive(run: Run) -> None:
    """Plan the bucket. One that is no longer wanted stays, with what is in it."""
    settings, report = run.settings, run.report
    if settings.archive != "on":
        return
    name, wanted = settings.copies, _fields(settings)
    asked = BUCKET.method("get").request(name)
    there = run.client.read_if_there(asked)
    if there is None:
        made = {"name": name, "location": settings.region, **wanted}
        insert = BUCKET.method("insert").request("", made, query={"project": settings.project_id})
        run.act(
            [("created", f"bucket {name}")],
            [insert],
            lambda: run.client.send(insert, is_done=lambda: run.client.read_if_there(asked)),
        )
    elif str(there["projectNumber"]) != settings.project_number:
        # Names of buckets are the same for all the world.
        raise Stopped(f"the bucket {name}, where copies of emails would go, is another project's.")
    elif changed := [*differences(there, wanted)]:
        run.send(BUCKET.method("patch").request(name, wanted), ("changed", f"bucket {name}: {', '.join(changed)}"))
    else:
        report.note("unchanged", f"bucket {name}")


def _fields(settings: Settings) -> dict[str, Any]:
    return {
        "iamConfiguration": {
            "uniformBucketLevelAccess": {"enabled": True},
            "publicAccessPrevention": "enforced",
        },
        # Each copy has the end of its days as its custom time.
        "lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"daysSinceCustomTime": 0}}]},
        # What is erased is gone at once, and what is deleted costs nothing more.
        "softDeletePolicy": {"retentionDurationSeconds": "0"},
        **({"encryption": {"defaultKmsKeyName": settings.kms_key}} if settings.kms_key else {}),
    }
