"""The values of secrets, from the environment, the env file or the terminal to Secret Manager. None is on a command
line, in a plan or in a line of a run."""

import base64
import getpass
import secrets
import sys
from collections.abc import Iterator
from dataclasses import replace

from deployment.engine.declared import Kind
from deployment.engine.google_error import GoogleError
from deployment.mail_checks.provider_checks import KEYS
from deployment.resources.secrets import SECRET, readers, secret_names
from deployment.run import Run
from deployment.settings import Settings
from deployment.stopped import Stopped

VERSION = Kind(api="secretmanager", version="v1", collection="projects.secrets.versions")

_QUESTIONS = {
    "SENDGRID_API_KEY": "SendGrid's API key (it may send mail and read statistics)",
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
            "OWNER_MAIL_URL is not set, and the owner of a kind of report is told by mail: docs/guides/alerts.md has "
            "an example."
        )
    for name, needed_by in (("MAIL_UNSUBSCRIBE_KEY", "MAIL_UNSUBSCRIBE_URL"), ("PREFERENCES_KEY", "PREFERENCES_URL")):
        if settings.value(needed_by) and is_missing(name):
            yield f"{name} is not set, and {needed_by} needs it: {_NEW_KEY}"


def set_up_secrets(run: Run) -> None:
    """Make the secrets that are to be there, with the values that are set, and grant who reads them."""
    run.report.step("secrets", "Secrets")
    settings = run.settings
    ensure(run, KEYS[settings.mail_provider])
    ensure(run, "MAIL_UNSUBSCRIBE_KEY")
    # The key of the links to the recipient's page: made if none is set, and then kept for good, since old mails have
    # links by it.
    is_new = settings.with_page and not version(run, "PREFERENCES_KEY")
    ensure(run, "PREFERENCES_KEY", settings.value("PREFERENCES_KEY") or (secrets.token_urlsafe(32) if is_new else ""))
    for name in ("SLACK_WEBHOOK_URL", "ALERT_URLS", "OWNER_MAIL_URL"):
        ensure(run, name)
    for name, (kind, about) in _of_kinds(settings).items():
        if not ensure(run, name, question=f"{name}, for the kind {kind} ({about})") and not run.options.dry_run:
            raise Stopped(f"{name} is not set, and a kind of report needs it.")
    run.bring(readers(run.settings, run.client))


def ensure(run: Run, variable: str, value: str = "", *, question: str = "") -> bool:
    """Make a secret with a value.

    Args:
        variable: the secret's.
        value: the value; otherwise that which is set, or that which a person types.
        question: what a person is asked.

    Returns:
        Whether the secret is there, or a dry run promises it.
    """
    settings, name = run.settings, run.settings.secret(variable)
    is_there = name in secret_names(settings, run.client)
    value = value or settings.value(variable)
    question = question or _QUESTIONS.get(variable, "")
    if not (value or is_there) and question and sys.stdin.isatty() and not run.options.dry_run:
        value = getpass.getpass(f"  {question}: ")
    if not value:
        return is_there
    if not is_there:
        replicas = [{"location": settings.region}]
        body = {"replication": {"userManaged": {"replicas": replicas}}}
        create = SECRET.method("create")
        run.send(create.request(f"projects/{settings.project_id}", body, query={"secretId": name}))
        run.report.note("created", f"secret {name}")
        if run.options.dry_run:
            # A dry run promises the right to read it, too.
            run.settings = settings.model_copy(update={"secrets_to_be": (*settings.secrets_to_be, name)})
    if latest_value(run, variable) == value:
        run.report.note("unchanged", f"value of secret {name}")
        return True
    added = SECRET.method("addVersion").request(
        f"projects/{settings.project_id}/secrets/{name}",
        {"payload": {"data": base64.b64encode(value.encode()).decode()}},
    )
    # The value is in no plan.
    run.plans(replace(added, body=None))
    if run.options.dry_run:
        run.promised_versions.add(name)
    else:
        run.client.send(added)
    run.report.note("changed", f"value of secret {name}")
    return True


def latest_value(run: Run, variable: str) -> str:
    """The value that a secret has; empty where there is none."""
    name = f"projects/{run.settings.project_id}/secrets/{run.settings.secret(variable)}/versions/latest"
    read = run.client.read_if_there(VERSION.method("access").request(name))
    return base64.b64decode(read["payload"]["data"]).decode() if read else ""


def version(run: Run, variable: str) -> str:
    """The number of the version that functions are pinned to, so that a new value is a new revision; empty without a
    secret. https://cloud.google.com/run/docs/configuring/services/secrets#secret-versions"""
    name = run.settings.secret(variable)
    there = run.client.all_of(replace(VERSION, in_another=True), f"projects/{run.settings.project_id}/secrets/{name}")
    numbers = [int(each["name"].rpartition("/")[2]) for each in there if each["state"] == "ENABLED"]
    latest = max(numbers, default=0)
    # A dry run has not made the version that it promises.
    latest += name in run.promised_versions
    return str(latest or "")


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


def _of_kinds(settings: Settings) -> dict[str, tuple[str, str]]:
    """The secrets that kinds need, each with the first kind and words about it."""
    found: dict[str, tuple[str, str]] = {}
    for kind, needs in settings.kinds.items():
        for name, each in needs.secrets.items():
            found.setdefault(name, (kind, each.about.rstrip(".")))
    return found
