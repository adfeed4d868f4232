"""Members that the deployment has not granted what they may do: a run names them, and leaves them alone."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

from deployment.engine.declared import Declared
from deployment.engine.policy import Grant
from deployment.resources.accounts import account
from deployment.settings import Settings


def policies_to_look_at(settings: Settings) -> list[Declared]:
    """The policies that only a check reads: those of the pipeline's own accounts.

    Args:
        settings: the operator's.
    """
    return [account(settings, name, takes_back=lambda _: False, policy_alone=True) for name in _names(settings)]


def keep(notes: Path, file: str, where: str, grants: Iterator[Grant]) -> None:
    """Keep what a policy grants until the end of the run.

    Args:
        notes: the folder.
        file: `bindings` for all that is there, `known` for what the run grants or takes back.
        where: the resource, as gcloud's commands name it.
        grants: what it grants.
    """
    with (notes / file).open("a", encoding="utf-8") as kept:
        for each in grants:
            kept.write(json.dumps([where, each.role, each.member, each.title, each.expression]) + "\n")


def foreign_members(settings: Settings, notes: Path) -> Iterator[tuple[str, ...]]:
    """What the policies that the run has read grant to members of others: lines for each.

    Args:
        settings: the operator's.
        notes: the folder.
    """
    ours = {settings.member(name) for name in _names(settings)}
    may_stay = {*settings.extra_members, *([] if settings.with_console else [settings.member("console")])}
    known = {tuple(each[:4]) for each in _kept(notes / "known")}
    named: set[tuple[str, ...]] = set()
    for where, role, member, title, expression in _kept(notes / "bindings"):
        # A policy of the project is about much else.
        is_else = where.startswith("projects ") and member not in ours
        if is_else or member in may_stay or (where, role, member, title) in known | named:
            continue
        named.add((where, role, member, title))
        grant = Grant(role=role, member=member, title=title, expression=expression)
        titled = f" ({title})" if title else ""
        yield (
            f"{member} has {role}{titled} on {where.partition(' --')[0]}, which this script has not granted.",
            f"To take it back: {removal(where, grant)} --project={settings.project_id}",
            "If it is to stay: EXTRA_MEMBERS in deploy.env.",
        )


def removal(where: str, grant: Grant) -> str:
    """The command of gcloud that takes a role back.

    Args:
        where: the resource, as gcloud's commands name it.
        grant: what is taken back.
    """
    words = where.split()
    # The verb comes before the resource's name and its flags.
    group = 1 if words[0] in {"projects", "secrets"} else 2
    condition = [f"--condition=expression={grant.expression},title={grant.title}"] if grant.title else []
    return shlex.join(
        [
            "gcloud",
            *words[:group],
            "remove-iam-policy-binding",
            *words[group:],
            f"--member={grant.member}",
            f"--role={grant.role}",
            *condition,
        ]
    )


def _kept(file: Path) -> list[list[str]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


def _names(settings: Settings) -> list[str]:
    """The pipeline's own accounts. The console's is looked at with --console alone, which grants its roles."""
    functions = ("dispatcher", "worker", "dlq-handler", "mail-events", "preferences")
    return [*functions, "scheduler", "tasks", "events", "build", *(["console"] if settings.with_console else [])]
