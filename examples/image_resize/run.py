"""Makes some pictures smaller on the local cloud: `python -m examples.image_resize.run`."""

import asyncio
import io

from PIL import Image

from examples.local_run import HOST, running
from local_cloud.clock import Clock
from local_cloud.storage.server import StorageEmulator

BUCKET = "pictures"


def picture(width: int, height: int, kind: str) -> bytes:
    """A picture to begin with."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(file, kind)
    return file.getvalue()


async def main() -> None:
    """Start everything, put the tasks in, and show what came of them."""
    clock = Clock()
    storage = StorageEmulator(host=HOST, port=0, clock=clock)
    storage.put(BUCKET, "2026/holiday.jpg", picture(3000, 2000, "JPEG"), "image/jpeg")
    storage.put(BUCKET, "2026/logo.png", picture(400, 400, "PNG"), "image/png")
    storage.put(BUCKET, "notes.txt", b"no picture", "text/plain")
    async with running(
        "image_resize", clock=clock, parts=(storage,), variables=lambda: {"STORAGE_EMULATOR_HOST": storage.url}
    ) as example:
        await example.enqueue(
            {"bucket": BUCKET, "name": "2026/holiday.jpg", "width": 800},
            {"bucket": BUCKET, "name": "2026/holiday.jpg", "width": 200},
            {"bucket": BUCKET, "name": "2026/logo.png", "width": 800},
            {"bucket": BUCKET, "name": "notes.txt", "width": 800},
        )
        await example.drained()
        for name, stored in sorted(storage.buckets[BUCKET].items()):
            print(f"{stored.content_type:<12} {len(stored.content):>8,} bytes  {name}")
        for letter in await example.dead_letters():
            print(f"dead letter  {letter['reason']}: {letter['error']}")


if __name__ == "__main__":
    asyncio.run(main())
