"""Which function reads which secret. deployment/secret_values.py makes the secrets."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from deployment.engine.declared import Declared, Kind
from deployment.engine.differences import differences
from deployment.engine.discovery import Resource
from deployment.engine.google_client import GoogleClient
from deployment.engine.policy import Grant
from deployment.settings import SECRETS, Settings

SECRET = Kind(api="secretmanager", version="v1", collection="projects.secrets", id_in="secretId")

OF_PROVIDERS = {
    "SENDGRID_API_KEY": ("worker", "dispatcher"),
    "RESEND_API_KEY": ("worker",),
    "RESEND_WEBHOOK_SECRET": ("mail-events",),
    "SMTP_URL": ("worker",),
}
"""The functions that read a secret of an email provider, whose name is the beginning of its name."""
OWN = {
    "MAIL_UNSUBSCRIBE_KEY": ("worker",),
    "PREFERENCES_KEY": ("worker", "preferences", "api"),
    "DESTINATION_SECRETS": ("worker",),
    "MAIL_ACCOUNTS": ("worker", "dispatcher"),
    "SLACK_WEBHOOK_URL": ("dlq-handler",),
    "ALERT_URLS": ("dlq-handler",),
    "OWNER_MAIL_URL": ("dlq-handler",),
    "CONSOLE_KEY": ("console",),
}


def own_secrets(settings: Settings) -> dict[str, tuple[str, ...]]:
    """The functions that read each of these. The dispatcher asks SendGrid alone for statistics."""
    return OWN if settings.mail_provider == "sendgrid" else {**OWN, "MAIL_ACCOUNTS": ("worker",)}


def replication(settings: Settings) -> Resource:
    """Where the value of a secret is kept, and encrypted with which key."""
    key = {"customerManagedEncryption": {"kmsKeyName": settings.kms_key}} if settings.kms_key else {}
    return {"userManaged": {"replicas": [{"location": settings.region, **key}]}}


def other_secrets(settings: Settings, client: GoogleClient) -> Iterator[str]:
    """The pipeline's secrets that are kept elsewhere, or encrypted in another way."""
    own = set(map(settings.secret, (*SECRETS, *OWN, *settings.kind_secrets)))
    for each in client.all_of(SECRET, f"projects/{settings.project_id}"):
        name = each["name"].rpartition("/")[2]
        if name in own and any(differences(each, {"replication": replication(settings)})):
            yield name


def readers(settings: Settings, client: GoogleClient) -> list[Declared]:
    """What the secrets that are there, or are to be, grant."""
    there = secret_names(settings, client)
    return [
        secret(settings, name, *(reads(settings, each) for each in functions))
        for name, functions in _readers(settings).items()
        if name in there
    ]


def former_readers(settings: Settings, client: GoogleClient) -> list[Declared]:
    """That no function reads what only another email provider needed, or what kinds of report declared before.

    A function that still runs as it did keeps what it reads."""
    current = _readers(settings)
    kept = {settings.secret(each) for each in OWN}
    replaced = [
        name
        for name in ("worker", "dispatcher", "dlq-handler", "mail-events")
        if name in settings.wanted or name not in settings.deployed
    ]
    return [
        replace(
            secret(
                settings,
                name,
                takes_back={reads(settings, each) for each in replaced if each not in current.get(name, ())},
            ),
            if_taken_back=""
            if current.get(name)
            else f"no function needs the secret {name}, which stays:"
            f" gcloud secrets delete {name} --project={settings.project_id}",
        )
        for name in secret_names(settings, client)
        if name.startswith(f"{settings.prefix}-") and name not in kept
    ]


def secret(settings: Settings, name: str, *grants: Grant, takes_back: Collection[Grant] = ()) -> Declared:
    return Declared(
        what=f"secret {name}",
        kind=SECRET,
        parent=f"projects/{settings.project_id}",
        id=name,
        grants=grants,
        takes_back=lambda grant: grant in takes_back,
        in_gcloud=f"secrets {name}",
        policy_alone=True,
    )


def secret_names(settings: Settings, client: GoogleClient) -> list[str]:
    """The secrets that are there, or that a dry run promises, by their names in Secret Manager."""
    there = client.all_of(SECRET, f"projects/{settings.project_id}")
    return [*(each["name"].rpartition("/")[2] for each in there), *settings.secrets_to_be]


def reads(settings: Settings, function: str) -> Grant:
    return Grant(role="roles/secretmanager.secretAccessor", member=settings.member(function))


def _readers(settings: Settings) -> dict[str, tuple[str, ...]]:
    provider = f"{settings.mail_provider.upper()}_"
    variables = {name: functions for name, functions in OF_PROVIDERS.items() if name.startswith(provider)}
    variables |= own_secrets(settings)
    for name in settings.kind_secrets:
        variables[name] = ("worker",)
    for name in settings.owner_secrets:
        variables[name] = (*variables.get(name, ()), "dlq-handler")
    there = {*settings.deployed, *(["console"] if settings.options.console else [])}
    return {settings.secret(name): tuple(each for each in names if each in there) for name, names in variables.items()}
