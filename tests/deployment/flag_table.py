"""Makes `gcloud_flags.json`, which tells the stand-in gcloud the flags of each command, from the help of a real gcloud.

    python tests/deployment/flag_table.py

Needs gcloud, with its beta component, on the PATH. Run it when deploy.sh uses, or a document names, another command, or
for a newer gcloud.
"""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("gcloud_flags.json")

COMMANDS = """
auth application-default login
auth login
auth print-access-token
beta quotas info describe
beta quotas preferences create
billing accounts add-iam-policy-binding|list
billing projects describe|link
components install
compute addresses create|describe
compute networks create
compute routers create
compute routers nats create
config get|set
eventarc triggers delete|list
firestore backups delete|list
firestore backups schedules delete
firestore databases clone|delete|restore|update
firestore export
firestore import
firestore operations list
firestore indexes composite delete|list
functions delete|describe|detach
iam roles create
iam service-accounts add-iam-policy-binding|create
iam workload-identity-pools create
iam workload-identity-pools providers create-oidc
logging read
projects add-iam-policy-binding|create|delete|describe|get-iam-policy|remove-iam-policy-binding|set-iam-policy
pubsub subscriptions delete|describe
pubsub topics list-subscriptions
run deploy
run regions list
run revisions list
run services delete|describe|list|remove-iam-policy-binding|update|update-traffic
scheduler jobs create http|describe|pause|resume|run|update http
secrets create|delete|list
secrets versions access|add|destroy|list
services enable|list
tasks queues create|delete|list|update
version
"""
"""What deploy.sh uses, and what the documents name: the commands of a group are separated by bars."""

_FLAG = re.compile(r"(--(?:\[no-\])?[a-z][a-z0-9-]*)(=?)")
_POSITIONAL = re.compile(r"^ {5,9}\[?([A-Z][A-Z_0-9/-]+)( \[[A-Z_-]+ \.\.\.\]| \.\.\.)?\]?$", re.MULTILINE)
_CHOICES = re.compile(r"([A-Z][A-Z_0-9-]+) must be (?:one of|\(only one value is supported\)): ([a-z0-9, -]+)\.")


def commands() -> list[str]:
    """Each command as words."""
    found = []
    for line in COMMANDS.strip().splitlines():
        *group, last = line.split("|")[0].split(" ")
        found += [" ".join([*group, name]) for name in [last, *line.split("|")[1:]]]
    # "create http" is two words of one command: its group ends before them.
    return [re.sub(r"^scheduler jobs create (?!http)", "scheduler jobs ", command) for command in found]


def sections(text: str) -> dict[str, str]:
    """The help's parts by their headings."""
    parts = re.split(r"^([A-Z][A-Z ]+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def describe(text: str) -> dict[str, Any]:
    """What a command takes, from its help."""
    parts = sections(text)
    flags: dict[str, Any] = {}
    for name, value in _FLAG.findall(parts["SYNOPSIS"]):
        for spelling in [name.replace("[no-]", ""), name.replace("[no-]", "no-")] if "[no-]" in name else [name]:
            flags[spelling] = True if value else flags.get(spelling, False)
    for name in re.findall(r"--no-([a-z0-9-]+)", text):
        # Hidden in the synopsis, and named in the text.
        if flags.get(f"--{name}") is False:
            flags.setdefault(f"--no-{name}", False)
    for metavar, choices in _CHOICES.findall(" ".join(text.split())):
        flag = "--" + metavar.lower().replace("_", "-")
        if flags.get(flag) is True:
            flags[flag] = choices.split(", ")
    positionals = _POSITIONAL.findall(parts.get("POSITIONAL ARGUMENTS", ""))
    return {"positionals": -1 if any(more for _, more in positionals) else len(positionals), "flags": flags}


def help_of(command: str) -> str:
    """What gcloud says about a command, as plain text."""
    run = subprocess.run(
        ["gcloud", "help", *command.split()],
        env={**os.environ, "TERM": "dumb", "CLOUDSDK_CORE_DISABLE_PROMPTS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return re.sub(r"\x1b\[[0-9;]*m", "", run.stdout)


def main() -> None:
    """Write the table."""
    with ThreadPoolExecutor(4) as threads:
        names = commands()
        table = dict(zip(names, map(describe, threads.map(help_of, names)), strict=True))
    wide = _FLAG.findall(sections(help_of("version"))["GCLOUD WIDE FLAGS"])
    version = subprocess.run(
        ["gcloud", "version", "--format=value('Google Cloud SDK')"], capture_output=True, text=True, check=True
    ).stdout.strip()
    lines = [f"    {json.dumps(name)}: {json.dumps(table[name], separators=(',', ':'))}" for name in sorted(table)]
    TABLE.write_text(
        "{\n"
        f'  "version": {json.dumps(version)},\n'
        f'  "wide": {json.dumps(sorted({name for name, _ in wide}))},\n'
        '  "commands": {\n' + ",\n".join(lines) + "\n  }\n}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
