"""The console's style sheet and script: under names that change with their content, so that browsers keep them."""

import gzip
import hashlib
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript"}


class _File(NamedTuple):
    content: bytes
    compressed: bytes
    media_type: str


def _load() -> tuple[dict[str, str], dict[str, _File]]:
    names, files = {}, {}
    for path in sorted(_FOLDER.iterdir()):
        content = path.read_bytes()
        name = f"{path.stem}.{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}"
        names[path.name] = f"/static/{name}"
        files[name] = _File(content, gzip.compress(content, mtime=0), _TYPES[path.suffix])
    return names, files


PATHS, _FILES = _load()
"""Where each file is, by its name in the folder."""


def serve(request: Request) -> Response:
    """A file, for good: another content has another name."""
    file = _FILES.get(request.path_params["name"])
    if file is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(file.content, media_type=file.media_type, headers=headers)
    return Response(file.compressed, media_type=file.media_type, headers={**headers, "Content-Encoding": "gzip"})


ROUTES = [Route("/static/{name}", serve)]
