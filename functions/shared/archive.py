"""The archive: a bucket with the copies of the emails that were handed over.

Each object has the end of its days as its custom time, by which the bucket's one lifecycle rule deletes it, whether or
not a delivery names it (docs/guides/archive.md).
"""

from collections.abc import Sequence

from functions.shared.firestore.retry import CALL_SECONDS
from functions.shared.records.archived_copy import ArchivedCopy, CopyName, user_part
from functions.shared.storage_bucket import StorageBucket
from functions.shared.threads import Threads

_AT_ONCE = 8


class Archive:
    """Keeps copies, and reads them. Safe for threads.

    Every method raises google.api_core.exceptions.GoogleAPICallError when Cloud Storage fails.

    Args:
        bucket: the bucket's name.
    """

    def __init__(self, bucket: str) -> None:
        self._bucket = StorageBucket(bucket)

    def keep(self, name: CopyName, copy: ArchivedCopy, *, seconds: float = CALL_SECONDS) -> None:
        """Write a copy.

        Args:
            name: of the object.
            copy: what to keep.
            seconds: how long it may take.
        """
        self._bucket.write(
            str(name),
            copy.to_bytes(),
            content_type="application/json",
            content_encoding="gzip",
            custom_time=name.expires_at,
            seconds=seconds,
        )

    def read(self, name: str, *, seconds: float = CALL_SECONDS) -> ArchivedCopy | None:
        """Read a copy.

        Args:
            name: of the object, as a delivery has it in `archived_as`.
            seconds: how long it may take.

        Returns:
            None where there is none, such as after its days.

        Raises:
            ValueError: the object is no copy.
        """
        content = self._bucket.read(name, seconds=seconds)
        return None if content is None else ArchivedCopy.from_bytes(content)

    def drop(self, name: str, *, seconds: float = CALL_SECONDS) -> bool:
        """Delete a copy. Returns whether there was one."""
        return self._bucket.delete(name, seconds=seconds)

    def names_of(self, user_id: str) -> list[str]:
        """The names of all copies of a user, also of those that no delivery names."""
        return list(self._bucket.names(f"{user_part(user_id)}/"))

    def drop_all(self, names: Sequence[str]) -> None:
        """Delete copies."""
        with Threads(_AT_ONCE) as pool:
            list(pool.map(self.drop, names))
