"""The values of secrets, from the environment, the env file or the terminal to Secret Manager. None is on a command
line, in a plan or in a line of a run."""

import base64
import getpass
import json
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from deployment.engine.declared import Kind
from deployment.engine.discovery import Resource
from deployment.engine.google_error import GoogleError
from deployment.mail_checks.provider_checks import KEYS
from deployment.resources.secrets import SECRET, other_secrets, readers, replication, secret, secret_names
from deployment.run import Run
from deployment.settings import Settings
from deployment.stopped import Stopped
from functions.shared.named_brand import BRANDS_FILE

VERSION = Kind(api="secretmanager", version="v1", collection="projects.secrets.versions")

_QUESTIONS = {
    "SENDGRID_API_KEY": "SendGrid's API key (it may send email and read statistics)",
    "RESEND_API_KEY": "Resend's API key",
    "SMTP_URL": "The mail server (smtps://user:password@host)",
    "SLACK_WEBHOOK_URL": "Slack's incoming webhook (empty: no Slack)",
}
_NEW_KEY = "python3 -c 'import secrets; print(secrets.token_urlsafe())'"


def missing_secrets(run: Run) -> Iterator[str]:
    """A line for each secret that is needed, is nowhere, and cannot be asked for."""
    settings, there = run.settings, secret_names(run.settings, run.client)

    def is_missing(name: str) -> bool:
        return not settings.value(name) and settings.secret(name) not in there

    asks = sys.stdin.isatty()
    key = KEYS[settings.mail_provider]
    if is_missing(key) and not asks:
        yield (
            f"{key} is not set: put it into deploy.env or the environment, or run this in a terminal to be asked for "
            "it."
        )
    for name, (kind, about) in _of_kinds(settings).items():
        if is_missing(name) and not asks:
            yield (
                f"{name} is not set, and the kind {kind} needs it ({about}): put it into deploy.env or the "
                "environment, or run this in a terminal to be asked for it."
            )
    if "@" in settings.kind_owners and is_missing("OWNER_MAIL_URL"):
        yield (
            "OWNER_MAIL_URL is not set, and the owner of a kind of report is told by email: docs/guides/alerts.md has "
            "an example."
        )
    if (keys := account_keys(run)) is not None:
        for name in sorted(settings.accounts - keys.keys()):
            yield f"MAIL_ACCOUNTS has no key of the account {name}, which a brand in {BRANDS_FILE} has."
    for name, needed_by in (("MAIL_UNSUBSCRIBE_KEY", "MAIL_UNSUBSCRIBE_URL"), ("PREFERENCES_KEY", "PREFERENCES_URL")):
        if settings.value(needed_by) and is_missing(name):
            yield f"{name} is not set, and {needed_by} needs it: {_NEW_KEY}"


def set_up_secrets(run: Run) -> None:
    run.report.step("secrets", "Secrets")
    settings = run.settings
    ensure(run, KEYS[settings.mail_provider])
    ensure(run, "MAIL_UNSUBSCRIBE_KEY")
    # The key of the links to the recipient's page: made if none is set, and then kept for good, since old emails have
    # links by it.
    is_new = settings.with_page and not (settings.value("PREFERENCES_KEY") or version(run, "PREFERENCES_KEY"))
    ensure(run, "PREFERENCES_KEY", partial(str, secrets.token_urlsafe(32) if is_new else ""))
    for name in ("SLACK_WEBHOOK_URL", "ALERT_URLS", "OWNER_MAIL_URL", "DESTINATION_SECRETS", "MAIL_ACCOUNTS"):
        ensure(run, name)
    for name, (kind, about) in _of_kinds(settings).items():
        if not ensure(run, name, question=f"{name}, for the kind {kind} ({about})") and not run.options.dry_run:
            raise Stopped(f"{name} is not set, and a kind of report needs it.")
    if settings.kms_key and (others := list(other_secrets(settings, run.client))):
        run.report.by_hand(
            f"not encrypted with KMS_KEY: the secrets {' '.join(others)}.",
            "For each, and then a new value, since that of before stays as it is:",
            f"gcloud secrets replication update SECRET --location={settings.region} --set-kms-key={settings.kms_key} "
            f"--project={settings.project_id}",
        )
    run.bring(readers(run.settings, run.client))


def ensure(run: Run, variable: str, value: Callable[[], str] = str, *, question: str = "") -> bool:
    """Plan a secret with a value; return whether it is there, or planned. `value` gives the value in the plan and when
    that is carried out; if it is empty, the value is that which is set, or that which a person types."""
    settings, name = run.settings, run.settings.secret(variable)
    is_there = name in secret_names(settings, run.client)
    own = settings.value(variable)
    question = question or _QUESTIONS.get(variable, "")
    if not (value() or own or is_there) and question and sys.stdin.isatty() and not run.options.dry_run:
        own = getpass.getpass(f"  {question}: ")
        # The email provider is asked with it before Secret Manager has it.
        run.settings = settings = settings.model_copy(update={"given": {**settings.given, variable: own}})
    if not (value() or own):
        return is_there
    what, target = f"secret {name}", f"projects/{settings.project_id}/secrets/{name}"
    if not is_there:
        at_first = {"replication": replication(settings)}
        run.bring([replace(secret(settings, name), policy_alone=False, takes_back=None, at_first=at_first)])
        # The right to read it is planned, too.
        run.settings = settings.model_copy(update={"secrets_to_be": (*settings.secrets_to_be, name)})
    if latest_value(run, variable) == (value() or own):
        run.report.note("unchanged", f"value of {what}")
        return True
    adds = SECRET.method("addVersion")

    def add() -> None:
        text = value() or own
        request = adds.request(target, {"payload": {"data": base64.b64encode(text.encode()).decode()}})
        made = run.client.send(
            request, is_done=lambda: _latest(run, variable) if latest_value(run, variable) == text else None
        )
        run.versions[name] = made["name"].rpartition("/")[2]

    # The value is in no plan.
    planned = replace(adds.request(target, {}), body=None)
    run.act([("changed", f"value of {what}")], [planned], add, what=what)
    run.versions[name] = str(1 + max(_versions(run, name), default=0))
    return True


def latest_value(run: Run, variable: str) -> str:
    """The value that a secret has; empty if there is none, or if its newest version is disabled."""
    read = _latest(run, variable)
    return base64.b64decode(read["payload"]["data"]).decode() if read else ""


def _latest(run: Run, variable: str) -> Resource | None:
    name = f"projects/{run.settings.project_id}/secrets/{run.settings.secret(variable)}/versions/latest"
    try:
        return run.client.read_if_there(VERSION.method("access").request(name))
    except GoogleError as error:
        # https://cloud.google.com/secret-manager/docs/disable-secret-version
        if error.code != "FAILED_PRECONDITION":
            raise
        return None


def version(run: Run, variable: str) -> str:
    """The number of the version that functions are pinned to, so that a new value is a new revision; empty without a
    secret. Raises Stopped if the newest is disabled: the one before may be the reason for it, such as a key that
    leaked. https://cloud.google.com/run/docs/configuring/services/secrets#secret-versions"""
    name = run.settings.secret(variable)
    if name not in run.versions:
        states = _versions(run, name)
        newest = max(states, default=0)
        if newest and states[newest] != "ENABLED":
            place = f"--project={run.settings.project_id}"
            raise Stopped(
                f"version {newest} of the secret {name}, the newest, is {states[newest].lower()}, and no function goes "
                "back to an older value.",
                f"Set {variable} to a new value and run this again, without --only or with --only=secrets first.",
                f"Or enable it: gcloud secrets versions enable {newest} --secret={name} {place}",
                f"Or, if nothing needs it any more: gcloud secrets delete {name} {place}",
            )
        run.versions[name] = str(newest or "")
    return run.versions[name]


def _versions(run: Run, name: str) -> dict[int, str]:
    there = run.client.all_of(replace(VERSION, in_another=True), f"projects/{run.settings.project_id}/secrets/{name}")
    return {int(each["name"].rpartition("/")[2]): each["state"] for each in there}


def provider_key(run: Run, provider: str) -> str:
    """The key, which the deployment itself uses where the worker has it; empty where there is none. Who only looks need
    not be able to read secrets (docs/guides/ci.md)."""
    variable = KEYS[provider]
    if value := run.settings.value(variable):
        return value
    try:
        return latest_value(run, variable)
    except GoogleError:
        if run.options.dry_run:
            return ""
        raise


def account_keys(run: Run) -> dict[str, str] | None:
    """The keys of the accounts that brands have of their own, by the account's name; None where they cannot be read, as
    above."""
    if not run.settings.accounts:
        return {}
    try:
        text = run.settings.value("MAIL_ACCOUNTS") or latest_value(run, "MAIL_ACCOUNTS")
        keys = json.loads(text or "{}")
    except GoogleError:
        if run.options.dry_run:
            return None
        raise
    except ValueError:
        return {}
    return {name: str(keys[name]) for name in run.settings.accounts & keys.keys()} if isinstance(keys, dict) else {}


def _of_kinds(settings: Settings) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for kind, needs in settings.kinds.items():
        for name, each in needs.secrets.items():
            found.setdefault(name, (kind, each.about.rstrip(".")))
    return found
