"""What the build of a function does to its files."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

IMAGE_TIME = 315532801
"""What every file of an image has for its time, in Unix seconds: a second after the beginning of 1980."""


def build(directory: Path, variables: Mapping[str, str]) -> None:
    """Do to a function what its build does.

    The build compiles the modules, and the image has the same time for all files, by which Python finds most compiled
    modules to be out of date.
    https://github.com/GoogleCloudPlatform/buildpacks/blob/main/cmd/python/functions_framework/lib/lib.go
    https://github.com/buildpacks/lifecycle/issues/1358

    Args:
        directory: the function's.
        variables: those of the build.
    """
    compiling = [sys.executable, "-m", "compileall", "-f", "-q", "."]
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"} | dict(variables)
    subprocess.run(compiling, cwd=directory, env=environment, check=True)
    for path in directory.rglob("*"):
        os.utime(path, (IMAGE_TIME, IMAGE_TIME))
