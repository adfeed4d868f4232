"""What the command line says."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from functions.shared.project_files import deploy_command

FUNCTIONS = ("dispatcher", "worker", "dlq-handler", "mail-events", "preferences", "api")
STEPS = ("apis", "firestore", "accounts", "secrets", "messaging", "functions", "scheduler", "monitoring", "console")

USAGE = (Path(__file__).parent / "usage.txt").read_text(encoding="utf-8")


class WrongUsage(Exception):
    """The command line is not one. The text says what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of a run, as usage.txt explains them: a text is empty, and a canary 0, if the option is not given.
    `release` is promote or rollback, `again` the command line, to be pasted into a shell."""

    project: str = ""
    region: str = ""
    env_file: str = ""
    queues: str = ""
    only: str = ""
    deployer: str = ""
    plan_json: str = ""
    image_from: str = ""
    canary: int = 0
    release: str = ""
    bootstrap: bool = False
    console: bool = False
    firestore_rules: bool = False
    replace_rules: bool = False
    dirty: bool = False
    smoke: bool = False
    check: bool = False
    dry_run: bool = False
    break_lock: bool = False
    teardown: bool = False
    delete_data: bool = False
    verbose: bool = False
    report: bool = False
    help: bool = False
    again: str = ""

    @property
    def itself(self) -> str:
        """The command that deploys the same pipeline, without what else this run is told."""
        own = (("env-file", self.env_file), ("project", self.project), ("region", self.region))
        return " ".join([deploy_command(), *(shlex.quote(f"--{name}={value}") for name, value in own if value)])

    @property
    def deploys(self) -> bool:
        """Whether the run deploys all, and does not only prepare or remove."""
        return not (self.teardown or self.bootstrap)

    @property
    def stages(self) -> bool:
        """Whether sources are deployed."""
        return self.does("functions") or self.console

    def does(self, step: str) -> bool:
        return self.only in {"", step} or (step == "functions" and self.only in FUNCTIONS)


def options_of(arguments: Sequence[str]) -> Options:
    found = _found(arguments)
    if "help" in found:
        return Options(help=True)
    # An empty value, as of a variable that is not set, must not become a deployment without a canary.
    canary = (found.pop("canary") or "0") if "canary" in found else ""
    if canary and not re.fullmatch(r"[1-9][0-9]?", canary):
        raise WrongUsage(f"--canary={canary}: a whole number of percent, from 1 to 99.")
    options = Options(
        **found,
        canary=int(canary or 0),
        again=" ".join([deploy_command(), *map(shlex.quote, arguments)]),
    )
    for is_wrong, words in _conflicts(options):
        if is_wrong:
            raise WrongUsage(words)
    return replace(
        options, dry_run=options.dry_run or options.check, console=options.console or options.only == "console"
    )


_VALUED = {"project", "region", "env_file", "queues", "only", "deployer", "canary", "plan_json", "image_from"}
_FLAGS = {each.name for each in fields(Options)} - _VALUED - {"release", "again"}


def _found(arguments: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    rest = list(arguments)
    while rest and "help" not in found:
        word = rest.pop(0)
        option, is_given, value = word.partition("=")
        name = option.removeprefix("--").replace("-", "_") if option.startswith("--") and "_" not in option else ""
        if name in _VALUED:
            if not is_given and not rest:
                raise WrongUsage(f"{option} needs a value.")
            found[name] = value if is_given else rest.pop(0)
        elif name in {"promote", "rollback"} and not is_given:
            if "release" in found:
                raise WrongUsage("--promote does not go with --rollback.")
            found["release"] = name
        elif name in _FLAGS and not is_given:
            found[name] = True
        else:
            raise WrongUsage(f"{word} is not an option.")
    return found


def _conflicts(o: Options) -> Iterator[tuple[bool, str]]:
    """What does not go together, and the words about it."""
    yield o.only not in ("", *STEPS, *FUNCTIONS), f"--only={o.only}: neither a step nor a function."
    console = o.console or o.only == "console"
    yield console and o.only not in {"", "console"}, f"--console does not go with --only={o.only}."
    yield console and o.teardown, "--console does not go with --teardown, which removes the console, too."
    yield o.replace_rules and not o.firestore_rules, "--replace-rules goes with --firestore-rules."
    yield o.firestore_rules and o.teardown, "--firestore-rules does not go with --teardown."
    is_more = o.dry_run or o.smoke or o.teardown
    yield o.check and is_more, "--check does not go with --dry-run, --smoke or --teardown."
    yield o.break_lock and (o.check or o.dry_run), "--break-lock does not go with --check or --dry-run."
    yield o.bootstrap and (bool(o.only) or o.teardown), "--bootstrap does not go with --only or --teardown."
    yield o.delete_data and not o.teardown, "--delete-data goes with --teardown."
    deploys = (
        o.smoke or console or o.firestore_rules or o.teardown or o.check or o.bootstrap or o.canary or o.break_lock
    )
    alone = f"--{o.release} deploys nothing and goes only with --only=FUNCTION and --dry-run."
    yield bool(o.release and deploys), alone
    has_revisions = o.only in ("", "functions", *FUNCTIONS)
    yield bool(o.canary or o.release) and not has_revisions, f"--only={o.only}: only functions have revisions."
    deploys_none = bool(o.release) or o.teardown or o.bootstrap or not o.stages
    yield bool(o.image_from) and deploys_none, "--image-from goes with what deploys functions or the console."
    others = o.teardown or o.check or o.bootstrap
    yield bool(o.canary) and others, "--canary does not go with --teardown, --check or --bootstrap."
    yield o.report and bool(deploys or o.release or o.dry_run or o.only), "--report goes with no other step or option."
