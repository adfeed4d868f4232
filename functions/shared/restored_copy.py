"""Firestore was restored from an older copy: which delivery records may be older than what happened. Pure.

RESTORED_AT is a time by which the pipeline before the restore had sent its last mail. Between the moment of the copy
and this time it has sent reports that the copy does not know of: there their deliveries are missing, or wait for a
worker, or a worker is sending them.
"""

from datetime import datetime

from functions.shared.delivery import Delivery


def is_outdated(delivery: Delivery | None, *, due_at: datetime, restored_at: datetime | None) -> bool:
    """Whether a report may have been sent although its record does not say so: its outcome is unknown.

    Not if the copy has the delivery as final: the pipeline does nothing with it. Nor if the delivery was given up since
    the restore, for this very reason: a person who then replays it has decided that it is to be sent. A replay keeps
    `failed_at` (functions.shared.delivery.put_back_fields).

    Args:
        delivery: as it was read; None where there is none.
        due_at: when the report fell due.
        restored_at: the deployment's RESTORED_AT; None where Firestore was not restored.
    """
    if restored_at is None or due_at >= restored_at:
        return False
    if delivery is None:
        return True
    given_up_since = delivery.failed_at is not None and delivery.failed_at >= restored_at
    return not delivery.is_final and not given_up_since
