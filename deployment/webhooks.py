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

_SETUPS: dict[str, type[SendGridSetup | ResendSetup]] = {"sendgrid": SendGridSetup, "resend": ResendSetup}
_VARIABLES = {"sendgrid": "SENDGRID_WEBHOOK_KEY", "resend": "RESEND_WEBHOOK_SECRET"}
"""The variables with the keys by which mail_events verifies calls."""

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
    settings say, so that a key or a secret can be replaced. Without any the function cannot be deployed.

    SendGrid signs with a private key and shows the public one; Resend, with a secret that both sides have."""
    settings, provider = run.settings, run.settings.mail_provider
    variable, signs_alone = _VARIABLES[provider], provider == "sendgrid"
    own, is_stored = settings.value(variable), not signs_alone and bool(version(run, variable))
    if signs_alone:
        known = running_variable(run, "mail-events", variable)
    else:
        # Without accounts, a secret that nothing replaces stays as it is.
        known = latest_value(run, variable) if settings.accounts else ""
    keys: dict[str, str] = {}

    def take(found: Any, account: str = "") -> None:
        if isinstance(found, _Failure):
            # A key that works is not lost because the provider does not answer.
            keys[account] = known if found.is_passing or not own or account else ""
        else:
            key, is_on = found
            keys[account] = key or _PROMISED
            run.webhook_starts = signs_alone
            run.webhook_differs = run.webhook_differs or not is_on
        run.webhook_keys = _joined(*keys.values(), own)
        if account:
            to_do = f"Make it by hand (docs/guides/mail-events.md), and add what it signs with to {variable}."
            _warn(run, f"the event webhook of the account {account} is not set up", to_do, found)
        elif isinstance(found, _Failure):
            _by_hand(run, found, has_keys=bool(run.webhook_keys) or is_stored)

    name = f"{settings.function('mail-events')} of {settings.project_id}"
    for account in _accounts(run):
        ask = partial(take, account=account)
        _ask(run, provider, lambda setup: setup.prepare(name, settings.events), ask, account)
    if not signs_alone and run.settings.with_mail_events:
        ensure(run, variable, lambda: run.webhook_keys)
        run.bring(readers(run.settings, run.client))


def start_webhook(run: Run, *, differs: bool) -> None:
    """Plan to turn SendGrid's webhook on where it is not, and to have SendGrid send an example after a change: until
    the function runs, its calls would fail. Resend's is on from the beginning, since Resend repeats a call for longer
    than a deployment takes."""
    if not run.webhook_starts or not (run.webhook_differs or differs):
        return

    again = f"Try again: {deploy_command()} --only=mail-events. The webhook is in {_PLACES['sendgrid']}."
    take = partial(_warn, run, "the event webhook is not turned on or not tested", again)
    for account in _accounts(run):
        _ask(run, "sendgrid", lambda setup: setup.start(), take, account)


def remove_webhook(run: Run, provider: str) -> None:
    """Plan to delete a provider's webhook before the function goes, or takes another provider's calls: it would be
    called in vain."""
    if provider == "smtp":
        return

    what = f"the event webhook to {webhook_url(run, provider)} may still be there"
    take = partial(_warn, run, what, f"Delete it in {_PLACES[provider]}.")
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


def _warn(run: Run, what: str, to_do: str, found: Any) -> None:
    if isinstance(found, _Failure):
        run.report.warn_last(f"{what}: {found.reason}", to_do)


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
    api = MailApi(TITLES[provider], host_of(run, provider), key)

    def asked(*, dry_run: bool) -> tuple[Any, list[Line]]:
        lines: list[Line] = []
        of = f" of the account {account}" if account else ""
        setup = _SETUPS[provider](api, url, lambda verb, what: lines.append((verb, what + of)), dry_run=dry_run)
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


def _by_hand(run: Run, failure: _Failure, *, has_keys: bool) -> None:
    provider = run.settings.mail_provider
    variable, title, url = _VARIABLES[provider], TITLES[provider], webhook_url(run, provider)
    if failure.is_passing:
        run.report.warn_last(
            f"the event webhook was not looked at: {failure.reason}",
            f"When {title} answers again: {deploy_command()} --only=mail-events",
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
        f"1. In {_PLACES[provider]}, make a webhook with the URL {url}",
        f"   and the events {', '.join(_SETUPS[provider].names(run.settings.events))}.",
        "2. Turn on its signature verification, and copy the public key."
        if provider == "sendgrid"
        else "2. Copy its signing secret.",
        f"3. {variable}={variable.rpartition('_')[2]} in deploy.env, and {deploy_command()} again.",
    )


def _joined(*texts: str) -> str:
    """The keys in some texts, each once, with commas in between."""
    keys = (key for text in texts for key in text.replace(" ", "").split(",") if key)
    return ",".join(dict.fromkeys(keys))
