"""The email provider's webhook, which calls the function mail-events. It is made before the function, which needs what
its calls are signed with. Nothing that the provider answers stops a deployment. docs/guides/mail-events.md says what
the events are for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from deployment.cloud_run.running import running_variable
from deployment.mail_api import MailApi, MailApiError, Unreachable
from deployment.mail_checks.provider_checks import KEYS
from deployment.report import Line
from deployment.resend_webhook import ResendSetup
from deployment.resources.secrets import readers
from deployment.run import Run
from deployment.secret_values import account_keys, ensure, latest_value, provider_key, version
from deployment.sendgrid_webhook import SendGridSetup
from functions.shared.project_files import deploy_command

TITLES = {"sendgrid": "SendGrid", "resend": "Resend", "smtp": "the SMTP server"}
_PLACES = {"sendgrid": "SendGrid, under Settings, Mail Settings, Event Webhooks", "resend": "Resend, under Webhooks"}
"""Where the provider's webhooks are, for people."""

_PROMISED = "<key-of-the-webhook>"
"""Stands for what the provider gives for a webhook that is planned."""


@dataclass(frozen=True)
class _Failure:
    reason: str
    is_passing: bool


def webhook_url(run: Run, provider: str) -> str:
    return f"{run.settings.url('mail-events')}/{provider}"


def host_of(run: Run, provider: str) -> str:
    """Where a provider's API is; empty where SMTP_URL says it."""
    return {"sendgrid": run.settings.sendgrid_host, "resend": run.settings.resend_host}.get(provider, "")


def set_up_webhook(run: Run) -> None:
    """Plan the webhook, and decide what the function takes calls by: what the provider says, and beside it what the
    settings say, so that a key or a secret can be replaced. Without any the function cannot be deployed."""
    if run.settings.mail_provider == "sendgrid":
        _set_up_sendgrid(run)
    else:
        _set_up_resend(run)


def _set_up_sendgrid(run: Run) -> None:
    """SendGrid signs with a private key, and shows the public one."""
    settings, url = run.settings, webhook_url(run, "sendgrid")
    own = settings.sendgrid_webhook_key
    name = f"{settings.function('mail-events')} of {settings.project_id}"
    running = running_variable(run, "mail-events", "SENDGRID_WEBHOOK_KEY")
    keys: dict[str, str] = {}

    def take(found: Any, account: str = "") -> None:
        if not isinstance(found, _Failure):
            key, is_on = found
            run.webhook_starts = True
            run.webhook_differs = run.webhook_differs or not is_on
            keys[account] = key or _PROMISED
            run.webhook_keys = _joined(*keys.values(), own)
            return
        # A key that works is not lost because SendGrid does not answer.
        keys[account] = running if found.is_passing or not own or account else ""
        run.webhook_keys = _joined(*keys.values(), own)
        if account:
            _warn_of_account(run, account, found)
            return
        _by_hand(
            run,
            found,
            bool(run.webhook_keys),
            f"1. In SendGrid, under Settings, Mail Settings, Event Webhooks, make a webhook with the Post URL {url}",
            f"   and the events {', '.join(settings.events)}.",
            "2. Turn on its signature verification, and copy the public key.",
            f"3. SENDGRID_WEBHOOK_KEY=KEY in deploy.env, and {deploy_command()} again.",
        )

    for account in _accounts(run):
        _ask(
            run, "sendgrid", lambda setup: setup.prepare(name, settings.events), partial(take, account=account), account
        )


def _set_up_resend(run: Run) -> None:
    """Resend signs with a secret that both sides have."""
    settings, url = run.settings, webhook_url(run, "resend")
    own = settings.value("RESEND_WEBHOOK_SECRET")
    is_stored = bool(version(run, "RESEND_WEBHOOK_SECRET"))
    # Without accounts, a secret that nothing replaces stays as it is.
    stored = latest_value(run, "RESEND_WEBHOOK_SECRET") if settings.accounts else ""
    keys: dict[str, str] = {}

    def take(found: Any, account: str = "") -> None:
        if not isinstance(found, _Failure):
            keys[account] = found or _PROMISED
            run.webhook_keys = _joined(*keys.values(), own)
            return
        keys[account] = stored
        run.webhook_keys = _joined(*keys.values(), own)
        if account:
            _warn_of_account(run, account, found)
            return
        _by_hand(
            run,
            found,
            bool(own) or is_stored,
            f"1. In Resend, under Webhooks, add a webhook with the URL {url} and the events email.bounced,",
            "   email.complained, email.failed, email.suppressed, email.delivery_delayed and email.delivered.",
            "2. Copy its signing secret.",
            f"3. RESEND_WEBHOOK_SECRET=SECRET in deploy.env, and {deploy_command()} again.",
        )

    for account in _accounts(run):
        _ask(run, "resend", lambda setup: setup.prepare(settings.events), partial(take, account=account), account)
    if run.settings.with_mail_events:
        ensure(run, "RESEND_WEBHOOK_SECRET", lambda: run.webhook_keys)
        run.bring(readers(run.settings, run.client))


def start_webhook(run: Run, *, differs: bool) -> None:
    """Plan to turn SendGrid's webhook on where it is not, and to have SendGrid send an example after a change: until
    the function runs, its calls would fail. Resend's is on from the beginning, since Resend repeats a call for longer
    than a deployment takes."""
    if not run.webhook_starts or not (run.webhook_differs or differs):
        return

    def take(failure: Any) -> None:
        if isinstance(failure, _Failure):
            run.report.warn_last(
                f"the event webhook is not turned on or not tested: {failure.reason}",
                f"Try again: {deploy_command()} --only=mail-events. The webhook is in {_PLACES['sendgrid']}.",
            )

    for account in _accounts(run):
        _ask(run, "sendgrid", lambda setup: setup.start(), take, account)


def remove_webhook(run: Run, provider: str) -> None:
    """Plan to delete a provider's webhook before the function goes, or takes another provider's calls: it would be
    called in vain."""
    if provider == "smtp":
        return

    def take(failure: Any) -> None:
        if isinstance(failure, _Failure):
            run.report.warn_last(
                f"the event webhook to {webhook_url(run, provider)} may still be there: {failure.reason}",
                f"Delete it in {_PLACES[provider]}.",
            )

    for account in _accounts(run):
        _ask(run, provider, lambda setup: setup.remove(), take, account)


def warn_of_change(run: Run, old: str) -> None:
    run.report.warn_last(
        f"the email provider changes from {TITLES[old]} to {TITLES[run.settings.mail_provider]}.",
        f"What {TITLES[old]} has accepted, it delivers. The worker can no longer ask it about reports of unknown "
        "outcome: those",
        "whose email has an event by now are sent, and ON_UNKNOWN_OUTCOME decides about the others.",
        f"Only {TITLES[old]} shows what becomes of its emails from now on (docs/guides/providers.md).",
    )


def _accounts(run: Run) -> list[str]:
    """The accounts at the provider by name, each with a webhook of its own; the deployment's has no name."""
    return ["", *sorted(run.settings.accounts)]


def _warn_of_account(run: Run, account: str, failure: _Failure) -> None:
    variable = {"sendgrid": "SENDGRID_WEBHOOK_KEY", "resend": "RESEND_WEBHOOK_SECRET"}[run.settings.mail_provider]
    run.report.warn_last(
        f"the event webhook of the account {account} is not set up: {failure.reason}",
        f"Make it by hand (docs/guides/mail-events.md), and add what it signs with to {variable}.",
    )


def _ask(
    run: Run, provider: str, command: Callable[[Any], Any], take: Callable[[Any], None], account: str = ""
) -> None:
    """Plan one command. What comes of it, or a _Failure, is taken: what would come of it now, and again what does when
    it is carried out."""
    key, url = provider_key(run, provider), webhook_url(run, provider)
    if account:
        key = (account_keys(run) or {}).get(account, "")
    if not key:
        variable = "MAIL_ACCOUNTS" if account else KEYS[provider]
        take(_Failure(f"{variable} is not set, and cannot be read from Secret Manager", is_passing=False))
        return
    kind = SendGridSetup if provider == "sendgrid" else ResendSetup
    api = MailApi(TITLES[provider], host_of(run, provider), key)

    def asked(*, dry_run: bool) -> tuple[Any, list[Line]]:
        lines: list[Line] = []
        of = f" of the account {account}" if account else ""
        setup = kind(api, url, lambda verb, what: lines.append((verb, what + of)), dry_run=dry_run)
        try:
            return command(setup), lines
        except MailApiError as error:
            return _Failure(setup.reason(error), is_passing=isinstance(error, Unreachable)), lines

    def do() -> bool:
        found, _ = asked(dry_run=False)
        take(found)
        return not isinstance(found, _Failure)

    run.report.detail(f"asks: {TITLES[provider]}")
    found, lines = asked(dry_run=True)
    for verb, what in lines:
        if verb == "unchanged":
            run.report.note(verb, what)
    take(found)
    if changes := [line for line in lines if line[0] != "unchanged"]:
        run.webhook_differs = True
        run.act(changes, [], do)


def _by_hand(run: Run, failure: _Failure, has_keys: bool, *steps: str) -> None:
    """Say what to do where the API did not set the webhook up."""
    if failure.is_passing:
        run.report.warn_last(
            f"the event webhook was not looked at: {failure.reason}",
            f"When {TITLES[run.settings.mail_provider]} answers again: {deploy_command()} --only=mail-events",
        )
    elif has_keys:
        run.report.say(f"  the event webhook is left as it is: {failure.reason}")
    if has_keys:
        return
    run.settings = run.settings.model_copy(update={"with_mail_events": False})
    run.given_up |= {f"function {run.settings.function('mail-events')}"}
    run.given_up |= {f"secret {run.settings.secret('RESEND_WEBHOOK_SECRET')}"}
    run.report.warn_last(
        "what becomes of the emails is not known: the function mail-events is not deployed, since it has no key.",
        f"The event webhook is not set up: {failure.reason}",
        f"Change that and run {deploy_command()} again, set MAIL_EVENTS=off to do without, or set the webhook up by "
        "hand:",
        *steps,
    )


def _joined(*texts: str) -> str:
    """The keys in some texts, each once, with commas in between."""
    keys = (key for text in texts for key in text.replace(" ", "").split(",") if key)
    return ",".join(dict.fromkeys(keys))
