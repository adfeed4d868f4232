"""The example that makes pictures smaller."""

import io
import os
import subprocess
import sys
from typing import Any

import pytest
from google.api_core.exceptions import NotFound, PreconditionFailed
from google.auth.credentials import AnonymousCredentials
from google.cloud.storage import Client
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from examples.image_resize.resize import resize
from examples.image_resize.run import picture
from examples.task_function import PermanentError
from local_cloud.storage.server import StorageEmulator
from tests.examples.conftest import BUCKET, Example
from tests.function_process import REPOSITORY


def task(name: str, width: int = 100, **changes: Any) -> dict[str, Any]:
    return {"bucket": BUCKET, "name": name, "width": width, **changes}


def size(storage: StorageEmulator, name: str) -> tuple[int, int]:
    return Image.open(io.BytesIO(storage.buckets[BUCKET][name].content)).size


@pytest.fixture
def bucket(image_example: Example, storage: StorageEmulator) -> Any:
    """The bucket through Google's own client."""
    client = Client(
        project="local-project",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options={"api_endpoint": storage.url},
    )
    return client.bucket(BUCKET)


def test_a_picture_is_made_smaller_and_keeps_its_shape(
    image_example: Example, storage: StorageEmulator, bucket: Any
) -> None:
    bucket.blob("a/wide.jpg").upload_from_string(picture(600, 400, "JPEG"), content_type="image/jpeg")
    assert image_example.carry_out(task("a/wide.jpg", 300), task("a/wide.jpg", 150), task("a/wide.jpg", 900)) == []
    assert size(storage, "resized/300/a/wide.webp") == (300, 200)
    assert size(storage, "resized/150/a/wide.webp") == (150, 100)
    assert size(storage, "resized/900/a/wide.webp") == (600, 400)
    made = bucket.get_blob("resized/300/a/wide.webp")
    assert (made.content_type, made.cache_control) == ("image/webp", "public, max-age=86400")


def test_a_task_that_comes_twice_does_its_work_once(
    image_example: Example, storage: StorageEmulator, bucket: Any
) -> None:
    bucket.blob("twice.png").upload_from_string(picture(200, 200, "PNG"), content_type="image/png")
    image_example.carry_out(task("twice.png"))
    before = storage.buckets[BUCKET]["resized/100/twice.webp"].generation
    image_example.carry_out(task("twice.png"))
    assert storage.buckets[BUCKET]["resized/100/twice.webp"].generation == before
    assert "already-resized" in image_example.log
    # Another picture in its place is another matter.
    bucket.blob("twice.png").upload_from_string(picture(200, 100, "PNG"), content_type="image/png")
    image_example.carry_out(task("twice.png"))
    assert size(storage, "resized/100/twice.webp") == (100, 50)


def test_what_is_no_picture_or_not_there_is_given_up_at_once(image_example: Example, storage: StorageEmulator) -> None:
    storage.put(BUCKET, "notes.txt", b"no picture", "text/plain")
    letters = image_example.carry_out(
        task("notes.txt"), task("nowhere.png"), task("x", bucket="no-such"), task("x", 7), b"[]"
    )
    assert {letter["reason"] for letter in letters} == {"permanent-error"}
    errors = " ".join(str(letter["error"]) for letter in letters)
    for said in ("not a picture", "there is no such object", "width: Input should be greater", "body: Input should be"):
        assert said in errors


def test_cloud_storage_of_the_local_cloud_keeps_generations_apart(image_example: Example, bucket: Any) -> None:
    blob = bucket.blob("generations ü.txt")
    blob.upload_from_string(b"first", if_generation_match=0)
    first = blob.generation
    with pytest.raises(PreconditionFailed):
        bucket.blob("generations ü.txt").upload_from_string(b"second", if_generation_match=0)
    blob.upload_from_string(b"second", if_generation_match=first)
    assert bucket.blob("generations ü.txt").download_as_bytes() == b"second"
    with pytest.raises(NotFound):
        bucket.blob("generations ü.txt", generation=first).download_as_bytes()
    assert [each.name for each in bucket.list_blobs(prefix="generations")] == ["generations ü.txt"]
    blob.delete()
    assert bucket.get_blob("generations ü.txt") is None


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: b"\x89PNG\r\n\x1a\n" + rest))
def test_anything_that_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(PermanentError):
        resize(content, 100)


def test_a_broken_picture_is_refused() -> None:
    whole = picture(300, 300, "JPEG")
    with pytest.raises(PermanentError):
        resize(whole[: len(whole) // 2], 100)


def test_a_picture_that_would_not_fit_into_memory_is_refused() -> None:
    file = io.BytesIO()
    Image.new("1", (5_000, 5_001)).save(file, "PNG")
    with pytest.raises(PermanentError, match="more than 25000000 pixels"):
        resize(file.getvalue(), 100)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "GIF"])
def test_formats_that_are_taken(format_name: str) -> None:
    assert Image.open(io.BytesIO(resize(picture(300, 200, format_name), 150))).size == (150, 100)


@pytest.mark.parametrize("format_name", ["BMP", "TIFF", "EPS", "PCX", "ICO", "PPM", "TGA", "JPEG2000", "AVIF"])
def test_other_formats_are_refused(format_name: str) -> None:
    with pytest.raises(PermanentError, match="not a picture"):
        resize(picture(300, 200, format_name), 150)


IN_ITS_PROCESS = """
import io, re, sys
from pathlib import Path
from PIL import Image
import examples.image_resize.main
examples.image_resize.main.resize(sys.stdin.buffer.read(), 4096)
# Not by getrusage: its peak is also that of the process which started this one.
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the peak")
@pytest.mark.parametrize("format_name", ["PNG", "WEBP"])
def test_the_largest_picture_fits_into_the_memory_that_the_readme_names(format_name: str) -> None:
    turned = Image.new("RGBA", (5_000, 5_000), (1, 2, 3, 128))
    exif = turned.getexif()
    exif[0x0112] = 6
    file = io.BytesIO()
    turned.save(file, format_name, exif=exif)
    variables = {
        "GOOGLE_CLOUD_PROJECT": "p",
        "FUNCTION_URL": "http://localhost:1",
        "TASKS_INVOKER": "tasks@p.iam.gserviceaccount.com",
        "DEAD_LETTER_TOPIC": "t",
        "MAX_ATTEMPTS": "3",
    }
    command = [sys.executable, "-c", IN_ITS_PROCESS]
    done = subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, **variables}, input=file.getvalue(), capture_output=True, check=True
    )
    assert "--memory=1Gi --concurrency=1" in (REPOSITORY / "examples" / "image_resize" / "README.md").read_text()
    assert int(done.stdout) * 1024 < 0.9 * 2**30


def test_transparency_stays_and_a_turned_picture_is_upright() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (200, 100), (255, 0, 0, 128)).save(file, "PNG")
    assert Image.open(io.BytesIO(resize(file.getvalue(), 100))).mode == "RGBA"
    turned = Image.new("RGB", (200, 100))
    exif = turned.getexif()
    exif[0x0112] = 6
    file = io.BytesIO()
    turned.save(file, "JPEG", exif=exif)
    made = Image.open(io.BytesIO(resize(file.getvalue(), 50)))
    assert made.size == (50, 100)
    assert not made.getexif()


@pytest.mark.parametrize("example", ["transactional_mail", "image_resize"])
def test_each_example_runs_by_its_documented_command(example: str) -> None:
    command = [sys.executable, "-m", f"examples.{example}.run"]
    assert f"python -m examples.{example}.run" in (REPOSITORY / "examples" / example / "README.md").read_text()
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=90)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "dead letter  permanent-error" in ended.stdout
