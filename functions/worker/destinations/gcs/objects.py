"""The objects of a report: its files, named by their content, and the manifest that names them. Pure."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from functions.shared.records.stored_request import KeptRequest
from functions.worker.destinations.parcel import Parcel
from functions.worker.destinations.payload import payload

MANIFEST = "manifest.json"

_CID = re.compile(r"cid:([A-Za-z0-9._-]+)")


def manifest_name(prefix: str, delivery_id: str) -> str:
    """The name of a delivery's manifest.

    Args:
        prefix: what all the names begin with.
        delivery_id: which delivery.
    """
    return f"{prefix}{delivery_id}/{MANIFEST}"


def objects(parcel: Parcel, prefix: str) -> Sequence[KeptRequest]:
    """What is written, in this order. A reader waits for the manifest: it is there once all its files are, and it never
    names files of two builds.

    Args:
        parcel: the report.
        prefix: what all the names begin with.
    """
    folder = f"{prefix}{parcel.delivery_id}/"
    files: list[tuple[str, str, bytes]] = [
        ("report.html", "text/html; charset=utf-8", _standalone(parcel).encode()),
        ("report.txt", "text/plain; charset=utf-8", parcel.text.encode()),
        *((each.filename, each.media_type, each.content) for each in parcel.attachments),
    ]
    named: list[dict[str, Any]] = []
    requests: list[KeptRequest] = []
    for filename, media_type, content in files:
        digest = hashlib.sha256(content).hexdigest()
        name = f"{folder}{digest[:32]}-{filename}"
        named.append({"name": name, "filename": filename, "type": media_type, "size": len(content), "sha256": digest})
        requests.append(KeptRequest(address=name, content=content))
    manifest = {**payload(parcel), "files": named, "archived_as": parcel.archived_as or None}
    content = json.dumps(manifest, ensure_ascii=False, sort_keys=True, indent=2).encode()
    return [*requests, KeptRequest(address=manifest_name(prefix, parcel.delivery_id), content=content)]


def archived_as(manifest: bytes) -> str | None:
    """Read which copy in the archive is of the build that a manifest lists.

    Args:
        manifest: its content, perhaps not written by us.

    Returns:
        Empty if that build has no copy; None if the manifest does not say.
    """
    try:
        found = json.loads(manifest)["archived_as"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    return found or "" if found is None or isinstance(found, str) else None


def _standalone(parcel: Parcel) -> str:
    """The HTML with its pictures in it."""
    pictures = {
        each.content_id: f"data:{each.media_type};base64,{base64.b64encode(each.content).decode()}"
        for each in parcel.images
    }
    return _CID.sub(lambda found: pictures.get(found[1], found[0]), parcel.html)
