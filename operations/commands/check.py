"""`reports check`: whether what the pipeline depends on is as it should be."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from operations.commands.group import AsJson, mail_address, session
from operations.errors import ExitStatus
from operations.output import Output

if TYPE_CHECKING:
    from functions.shared.settings import MailProviderName
    from operations.mail_checks.mail_checks import MailSetup
    from operations.session import Session

app = typer.Typer(no_args_is_help=True)

_COLUMNS = ("check", "state", "found", "to_do")


@app.command()
def mail(
    ctx: typer.Context,
    *,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", parser=mail_address, help="Also send a test email, marked as one, to this address."
        ),
    ] = None,
    brand: Annotated[
        str | None, typer.Option(metavar="NAME", help="Check this brand of brands.yaml alone; default: all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Whether emails arrive: DNS records, what the email provider knows, the webhook, and the headers of an email."""
    from deployment.mail_checks.finding import State
    from functions.shared.logging import redact_addresses
    from operations.mail_checks.mail_checks import check_mail

    current = session(ctx)
    output = Output(as_json=as_json)
    setups = _setups(current, brand)
    with output.err.status(Text("Asking the email provider and DNS")):
        findings = [(name, each) for name, setup in setups.items() for each in check_mail(setup, to=to)]
    has_brands = brand is not None or len(setups) > 1
    rows = [
        {
            **({"brand": name or None} if has_brands else {}),
            "check": each.check,
            "state": each.state.value,
            "found": redact_addresses(each.found),
            "to_do": redact_addresses(each.to_do),
        }
        for name, each in findings
    ]
    columns = ("brand", *_COLUMNS) if has_brands else _COLUMNS
    output.rows(rows, columns, empty="")
    if any(each.state is State.PROBLEM for _name, each in findings):
        raise typer.Exit(ExitStatus.FAILED)


def _setups(current: Session, brand: str | None) -> dict[str, MailSetup]:
    """What is checked: by the name of its brand, which the deployment's own settings do not have."""
    from operations.mail_checks.mail_checks import MailSetup
    from operations.previews import preview as previews
    from operations.previews.kind_variables import sample_variables

    target = current.target
    target.require("MAIL_FROM")
    variables = previews.provider_variables(target.find, current.find_secret)
    deployed = previews.mail_settings(variables)
    webhook_url = _webhook_url(current, deployed.mail_provider)
    webhook_keys = _webhook_keys(current, deployed.mail_provider)

    def setup(name: str) -> MailSetup:
        own = previews.brand_variables(variables, name)
        return MailSetup(
            variables=own,
            settings=previews.mail_settings(own),
            webhook_url=webhook_url,
            webhook_keys=webhook_keys,
            defaults=current.defaults,
            kind_variables=sample_variables,
            # Only deploy.sh knows it, so an operator says it, too.
            without_unsubscribe=os.environ.get("MAIL_WITHOUT_UNSUBSCRIBE") == "true",
            now=current.now,
        )

    return {name: setup(name) for name in (["", *deployed.brands] if brand is None else [brand])}


def _webhook_keys(current: Session, provider: MailProviderName) -> tuple[str, ...] | None:
    """What the function mail_events verifies calls by. Resend's is a secret, SendGrid's is none."""
    from functions.shared.settings import MailProviderName

    keys = None
    if provider is MailProviderName.SENDGRID:
        keys = current.target.find("SENDGRID_WEBHOOK_KEY")
    elif provider is MailProviderName.RESEND:
        keys = current.find_secret("RESEND_WEBHOOK_SECRET")
    return None if keys is None else tuple(key.strip() for key in keys.split(","))


def _webhook_url(current: Session, provider: str) -> re.Pattern[str]:
    """Where the function mail_events takes events. On Cloud Run each service has more than one address, which all begin
    with its name. https://cloud.google.com/run/docs/triggering/https-request"""
    if current.target.emulators:
        return re.compile(rf"http://127\.0\.0\.1:\d+/{provider}")
    name = re.escape(f"{current.prefix}-mail-events")
    return re.compile(rf"https://{name}-[a-z0-9.-]+\.run\.app/{provider}")
