"""Lays a source out in a folder, as a build gets it."""

from pathlib import Path

from deployment.cloud_run.sources import Files


def lay_out(files: Files, directory: Path) -> None:
    """Write the files."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
