"""A function that makes one picture smaller for each task: from Cloud Storage, to Cloud Storage."""

import functools
from typing import TYPE_CHECKING

from google.api_core.exceptions import NotFound
from google.cloud.storage import Client

from examples.image_resize.image_task import ImageTask
from examples.image_resize.resize import resize
from examples.task_function import PermanentError, TaskFunction, TaskFunctionSettings
from functions.shared.serving.answer import Answer
from functions.shared.settings import load_settings

if TYPE_CHECKING:
    import flask

MOST_BYTES = 30 * 1024 * 1024

_SOURCE = "source-generation"
_settings = load_settings(TaskFunctionSettings)


@functools.cache
def _client() -> Client:
    """The client; STORAGE_EMULATOR_HOST, where set, is what it talks to."""
    return Client(project=_settings.google_cloud_project)


def _carry_out(body: bytes) -> str:
    task = ImageTask.from_json(body)
    bucket = _client().bucket(task.bucket)
    source = bucket.get_blob(task.name)
    if source is None:
        raise PermanentError("there is no such object")
    if source.size > MOST_BYTES:
        raise PermanentError(f"the object has more than {MOST_BYTES} bytes")
    target = bucket.get_blob(task.target) or bucket.blob(task.target)
    if (target.metadata or {}).get(_SOURCE) == str(source.generation):
        return "already-resized"
    try:
        # Read only this generation: the object may be replaced meanwhile.
        content = source.download_as_bytes(if_generation_match=source.generation)
    except NotFound as error:
        raise PermanentError("the object was deleted") from error
    target.metadata = {_SOURCE: str(source.generation)}
    target.cache_control = "public, max-age=86400"
    # Do not overwrite what another attempt has written meanwhile: 0 means that the object must not exist.
    target.upload_from_string(
        resize(content, task.width), content_type="image/webp", if_generation_match=target.generation or 0
    )
    return "resized"


_function = TaskFunction("image_resize", _settings, _carry_out)


def image_resize(request: "flask.Request") -> Answer:
    """The entry point."""
    return _function(request)
