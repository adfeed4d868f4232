"""One generation of an object in a bucket."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class StoredObject:
    """One generation of an object.

    Attributes:
        content: its bytes, as they were uploaded.
        generation: counts up with every write in the emulator.
        metageneration: counts up with every change of the fields.
        content_type: as its writer named it.
        created: when it was written, in UTC.
        updated: when it or its fields were written last, in UTC.
        fields: other fields that its writer set, such as `contentEncoding`, `customTime` and `metadata`.
    """

    content: bytes
    generation: int
    metageneration: int = 1
    content_type: str
    created: datetime
    updated: datetime
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def md5(self) -> str:
        """The MD5 of its bytes, in base64."""
        return base64.b64encode(hashlib.md5(self.content, usedforsecurity=False).digest()).decode()

    def to_resource(self, bucket: str, name: str) -> dict[str, Any]:
        """The object as the API answers with it.

        https://cloud.google.com/storage/docs/json_api/v1/objects#resource
        """
        return {
            "kind": "storage#object",
            "id": f"{bucket}/{name}/{self.generation}",
            "bucket": bucket,
            "name": name,
            "generation": str(self.generation),
            "metageneration": str(self.metageneration),
            "contentType": self.content_type,
            "size": str(len(self.content)),
            "md5Hash": self.md5,
            "timeCreated": to_text(self.created),
            "updated": to_text(self.updated),
            **self.fields,
        }


def to_text(moment: datetime) -> str:
    """A moment in UTC, as RFC 3339 has it."""
    return moment.isoformat().replace("+00:00", "Z")
