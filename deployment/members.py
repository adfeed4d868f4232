"""Members that the deployment has not granted what they may do: a run names them, and leaves them alone."""

import shlex
from collections.abc import Collection, Iterator, Sequence

from deployment.engine.declared import Declared
from deployment.engine.policy import Grant
from deployment.resources.accounts import ACCOUNTS, account
from deployment.settings import Settings


def policies_to_look_at(settings: Settings) -> list[Declared]:
    return [account(settings, name, takes_back=lambda _: False, policy_alone=True) for name in _names(settings)]


def foreign_members(
    settings: Settings, granted: Sequence[tuple[str, Grant]], known: Collection[tuple[str, Grant]]
) -> Iterator[tuple[str, ...]]:
    """What the policies that the run has read grant to members of others: lines for each."""
    ours = {settings.member(name) for name in _names(settings)}
    may_stay = {*settings.extra_members, *([] if settings.options.console else [settings.member("console")])}
    for where, grant in dict.fromkeys(granted):
        # A policy of the project is about much else.
        is_else = where.startswith("projects ") and grant.member not in ours
        if is_else or grant.member in may_stay or (where, grant) in known:
            continue
        titled = f" ({grant.title})" if grant.title else ""
        yield (
            f"{grant.member} has {grant.role}{titled} on {where.partition(' --')[0]}, which this script has not "
            "granted.",
            f"To take it back: {removal(where, grant)} --project={settings.project_id}",
            "If it is to stay: EXTRA_MEMBERS in deploy.env.",
        )


def removal(where: str, grant: Grant) -> str:
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


def _names(settings: Settings) -> list[str]:
    """The pipeline's own accounts. The console's is looked at with --console alone, which grants its roles."""
    return [name for name in ACCOUNTS if name != "console" or settings.options.console]
