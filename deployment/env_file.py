"""Reads what is set: in the environment, and in the env file, which says only what the environment does not."""

import re
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from deployment.options import Options
from deployment.settings import GIVEN, SECRETS, VARIABLES, Settings
from deployment.stopped import Stopped
from functions.shared.needs import Needs

RESERVED = (*VARIABLES, *SECRETS, *GIVEN)
"""The names that no kind of report may declare."""


def given(
    options: Options, environment: Mapping[str, str], project: Path, kinds: Mapping[str, Needs]
) -> dict[str, str]:
    """The texts of all settings and secrets that are set, by the names of the variables."""
    names = _names(kinds)
    found = {name: environment[name] for name in names if name in environment}
    if options.env_file or (project / "deploy.env").is_file():
        for name, value in _read(Path(options.env_file or project / "deploy.env"), names):
            found.setdefault(name, value)
    said = {
        "PROJECT_ID": options.project,
        "REGION": options.region,
        "DEPLOYER": options.deployer,
        "QUEUES": options.queues,
    }
    found |= {name: value for name, value in said.items() if value}
    if not found.get("PROJECT_ID"):
        found["PROJECT_ID"] = environment.get("CLOUDSDK_CORE_PROJECT") or _of_gcloud()
    return {name: value for name, value in found.items() if value}


def environment_in(file: Path, kinds: Mapping[str, Needs]) -> dict[str, str]:
    """Where the environment of an env file is: the settings `project_id`, `region` and `prefix`."""
    found = {name.lower(): value for name, value in _read(file, _names(kinds)) if value}
    return {name: found.get(name, Settings.model_fields[name].default) for name in ("project_id", "region", "prefix")}


def _names(kinds: Mapping[str, Needs]) -> set[str]:
    return {*VARIABLES, *SECRETS, *(name for needs in kinds.values() for name in needs.variables)}


def _read(file: Path, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """Lines NAME=value: nothing is expanded or run."""
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except OSError:
        raise Stopped(
            f"{file} cannot be read.",
            "Copy deploy.env.example to deploy.env and fill it in, or name another with --env-file.",
        ) from None
    for number, line in enumerate(map(str.strip, lines), start=1):
        if not line or line.startswith("#"):
            continue
        name, is_set, value = line.removeprefix("export ").partition("=")
        if not is_set or name not in names:
            raise Stopped(
                f"{file}, line {number}: not one of the settings.",
                "deploy.env.example lists them, as NAME=value; a kind's own are in its needs.yaml.",
            )
        quoted = re.fullmatch(r"\"(.*)\"|'(.*)'", value)
        yield name, value if quoted is None else quoted[1] or quoted[2] or ""


def _of_gcloud() -> str:
    """The project that gcloud itself is set to; empty where there is none."""
    if not shutil.which("gcloud"):
        return ""
    asked = subprocess.run(["gcloud", "config", "get", "project"], capture_output=True, text=True, check=False)  # noqa: S607
    return asked.stdout.strip()
