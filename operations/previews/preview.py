"""A report as it would go out: built and rendered by the worker's own code, and kept in files instead of being sent.

The only place of the operator's side that looks into the worker, since nothing else could show exactly what is sent.
"""

import importlib
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from functions.shared import needs
from functions.shared.embedded_pictures import with_pictures
from functions.shared.firestore.database import Database
from functions.shared.mail.brand import Brand
from functions.shared.named_brand import BRANDS_FILE
from functions.shared.project_files import own_catalogs
from functions.shared.records.deliver import BY_EMAIL
from functions.shared.records.ids import delivery_id, run_id
from functions.shared.records.recipients import recipients
from functions.shared.records.subscription import Subscription
from functions.shared.records.user import User
from functions.shared.settings import MailSettings, describe_problems
from functions.shared.times.period import Period
from functions.worker.compose import compose
from functions.worker.destinations.email.compliance import MailCompliance
from functions.worker.destinations.email.model import Mail as Mail
from functions.worker.destinations.email.model import Sender
from functions.worker.destinations.email.provider import KEYS, PROVIDER_SETTINGS, ChosenProvider, parts_of
from functions.worker.destinations.outcome import Accepted, Unsubscribed
from functions.worker.firestore_user_data import FirestoreUserData
from functions.worker.kind_settings import OWN_VARIABLES
from operations.errors import NotConfigured, OperatorError
from report_kit import figures_schema as schemas
from report_kit import kind_folders, kinds, language, next_version, pdf_need, rendering, sample_amount
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.mistakes import describe_mistake
from report_kit.report import PermanentError, Skip
from report_kit.user_data import UserData

SampleAmount = sample_amount.SampleAmount

MAIL_VARIABLES = tuple(name.upper() for name in MailSettings.model_fields)

_NO_SENDER = "reports@example.com"
_NO_KEYS: Mapping[str, Any] = {
    "mail_unsubscribe_key": "the-preview-has-no-key",
    "preferences_key": ["the-preview-has-no-key-of-the-page"],
}
_NO_LIST = {"mail_unsubscribe_group": None, "mail_check_unsubscribed": False}
_READ_SECONDS = 60.0
_SEND_SECONDS = 30.0
_CODE = frozenset({".py", ".sql", ".yaml"})
_SOURCES = _CODE | {".mjml", ".txt", ".html", ".po"}


@dataclass(frozen=True)
class NothingToSend:
    """The kind has nothing to report.

    Attributes:
        why: in the kind's words.
    """

    why: str


MadeReport = Mail | NothingToSend
"""What a kind makes of a report: an email, or its word that there is nothing to report."""


def sample_data(kind: str, period: Period, amount: SampleAmount = SampleAmount.MUCH) -> UserData:
    """The data that a kind brings along to be looked at.

    Raises:
        OperatorError: there is no such kind, it brings none, or its code fails.
    """
    try:
        return InMemoryUserData(*kinds.sample(kind, period, amount))
    except PermanentError as error:
        raise OperatorError(str(error)) from error
    except (Exception, SystemExit) as error:
        raise OperatorError(describe_mistake(error, kind)) from error


def live_data(database: Database, user_id: str) -> UserData:
    """A user's own data in Firestore."""
    return FirestoreUserData(database, user_id, _READ_SECONDS)


def mail_settings(variables: Mapping[str, str | None]) -> MailSettings:
    """The worker's settings about email, as far as they are known here.

    The keys of the unsubscribe links are secrets that an operator need not have: the links of a preview lead nowhere.

    Args:
        variables: by name; what is missing is as the worker's default has it.

    Raises:
        NotConfigured: one of them is malformed.
    """
    given: dict[str, Any] = {name.lower(): variables[name] for name in MAIL_VARIABLES if variables.get(name)}
    try:
        return MailSettings(**{"mail_from": _NO_SENDER, **given, **_NO_KEYS})
    except ValidationError as error:
        raise NotConfigured(f"{describe_problems(error)}.") from error


def provider_variables(
    find: Callable[[str], str | None], find_secret: Callable[[str], str | None]
) -> dict[str, str | None]:
    """The variables that sending an email takes: those of all emails, and those of the deployment's provider.

    Args:
        find_secret: finds a variable that may be in Secret Manager.

    Raises:
        NotConfigured: MAIL_PROVIDER names none.
    """
    variables = {name: find(name) for name in MAIL_VARIABLES}
    settings = mail_settings(variables)
    for field, info in _own_settings(settings).items():
        variables[field.upper()] = (find if info.repr else find_secret)(field.upper())
    if any(brand.account for brand in settings.brands.values()):
        variables["MAIL_ACCOUNTS"] = find_secret("MAIL_ACCOUNTS")
    return variables


def brand_variables(variables: Mapping[str, str | None], name: str) -> Mapping[str, str | None]:
    """The variables that the emails of a brand take.

    Args:
        variables: of the deployment, by name.
        name: the brand's; empty: the deployment's own.

    Raises:
        OperatorError: there is no such brand.
        NotConfigured: a variable is malformed.
    """
    if not name:
        return variables
    deployed = mail_settings(variables)
    brand = deployed.brands.get(name)
    if brand is None:
        raise OperatorError(f"There is no brand {name} in {BRANDS_FILE}: {', '.join(deployed.brands) or 'none is'}.")
    own, found = brand.within(deployed), {**variables}
    for field in MailSettings.model_fields:
        if (value := getattr(own, field)) != getattr(deployed, field):
            found[field.upper()] = None if value is None else str(value)
    if brand.account:
        found[KEYS[deployed.mail_provider].upper()] = deployed.mail_accounts.get(brand.account)
    return found


def kind_variables(kind: str, find: Callable[[str], str | None], *, local: bool) -> Mapping[str, str]:
    """The settings and secrets that a kind declares.

    Args:
        local: whether a secret that is not set has the value that the kind declares for the local cloud.

    Raises:
        OperatorError: a needs.yaml is malformed.
        NotConfigured: a variable has no value.
    """
    try:
        declared = {kind: known_needs().get(kind, needs.Needs())}
        given = {name: find(name) or "" for name in declared[kind].variables}
        return needs.values(declared, given, local=local)[kind]
    except needs.NotSet as error:
        raise NotConfigured(f"{error}.") from error


def known_kinds() -> tuple[str, ...]:
    """The names of the kinds of report in this checkout."""
    return kinds.kinds()


def known_needs() -> Mapping[str, needs.Needs]:
    """What the kinds in this checkout declare; those that declare nothing are left out.

    Raises:
        OperatorError: a needs.yaml is malformed.
    """
    try:
        return needs.load(kind_folders.folder(), reserved=OWN_VARIABLES)
    except needs.InvalidNeeds as error:
        raise OperatorError(str(error)) from error


def build(
    kind: str,
    user: User,
    subscription: Subscription,
    period: Period,
    data: UserData,
    settings: MailSettings,
    *,
    now: datetime,
    database: Database | None = None,
    variables: Mapping[str, str] | None = None,
    delivery: str | None = None,
    is_next: bool = False,
) -> MadeReport:
    """Build the email.

    Args:
        now: the present, in UTC.
        database: for what else the kind reads; None for a sample.
        delivery: the id that the email carries; None for that of the delivery that would send it.
        is_next: whether it is made by the kind's next version, also if the subscription would not get it.

    Returns:
        The email, or the kind's word that there is nothing to report.

    Raises:
        OperatorError: there is no such kind, or its code or its templates fail; the text says how.
        google.api_core.exceptions.GoogleAPIError: Firestore cannot be asked.
    """
    try:
        variant = (
            next_version.Variant.NEXT if is_next else _variant(kind, user, subscription, is_live=database is not None)
        )
        made = compose(
            kind,
            user,
            # Wherever it goes, a person sees it as an email.
            subscription._replace(deliver=BY_EMAIL),
            period,
            data,
            delivery_id=delivery or delivery_id(user.id, subscription.id, period.end),
            run_id=run_id(now),
            compliance=MailCompliance.from_settings(settings),
            brand=Brand.of_emails(settings),
            database=database,
            settings=variables,
            variant=variant,
        )
    except PermanentError as error:
        raise OperatorError(str(error)) from error
    except (GoogleAPIError, GoogleAuthError):
        raise
    except (Exception, SystemExit) as error:
        raise OperatorError(describe_mistake(error, kind)) from error
    return NothingToSend(made.why) if isinstance(made, Skip) else cast("Mail", made)


def _variant(kind: str, user: User, subscription: Subscription, *, is_live: bool) -> next_version.Variant | None:
    """The version of the kind that the worker would use; for a sample, the current one."""
    following = known_needs().get(kind, needs.Needs()).next if is_live else None
    return next_version.variant_of(
        kind,
        user.id,
        subscription.id,
        {kind: following} if following else {},
        addresses=[each.address for each in recipients(subscription, user)],
    )


def require_next_version(kind: str) -> None:
    """See that the worker may be asked for the next version of a kind.

    Raises:
        OperatorError: the kind declares none here.
    """
    if not known_needs().get(kind, needs.Needs()).next:
        raise OperatorError(
            f"The kind {kind} has no next version that is deployed: next in its needs.yaml says who gets it."
        )


def figures_schema(kind: str) -> Mapping[str, Any]:
    """The JSON Schema of what a kind gives programs.

    Raises:
        OperatorError: there is no such kind, it says nothing of that, or its files have mistakes.
    """
    if kind not in known_kinds():
        raise OperatorError(f"There is no kind {kind}: {', '.join(known_kinds())}.")
    try:
        found = schemas.figures_schema(kind)
    except (PermanentError, ValueError) as error:
        raise OperatorError(f"{kind}: {error}") from error
    if found is None:
        raise OperatorError(f"The kind {kind} has no schema.json: programs get its figures only as text.")
    return found


def send_test(mail: Mail, address: str, variables: Mapping[str, str | None], *, now: Callable[[], datetime]) -> str:
    """Send an email to one address alone, marked as a test.

    Nothing in it belongs to a delivery: what the email provider reports about it changes none, and no link in it
    unsubscribes the user.

    Args:
        mail: as `build` has made it by `test_settings`.
        variables: the worker's, the email provider's key among them, by name.
        now: the present, in UTC.

    Returns:
        The email's id at the provider; may be empty.

    Raises:
        NotConfigured: a variable is missing or malformed.
        OperatorError: the provider does not take the email.
    """
    settings = test_settings(variables)
    required = [name.upper() for name, field in _own_settings(settings).items() if field.is_required()]
    if missing := [name for name in ("MAIL_FROM", *required) if not variables.get(name)]:
        raise NotConfigured(f"{' and '.join(missing)} not set: a test goes through the email provider.")
    try:
        provider = ChosenProvider.from_variables(settings, variables).mail_provider(now)
    except ValidationError as error:
        raise NotConfigured(f"{describe_problems(error)}.") from error
    first = mail.recipients[0]
    headers = {name: value for name, value in first.headers.items() if not name.startswith("List-Unsubscribe")}
    test = replace(
        mail,
        recipients=[first._replace(address=address, name="", headers=headers)],
        subject=f"[Test] {mail.subject}",
        categories=("test",),
        arguments={"test": "true"},
    )
    match provider.send(test, seconds=_SEND_SECONDS):
        case Accepted(message_id=message_id):
            return message_id
        case Unsubscribed():
            raise OperatorError("The email provider sends nothing to this address, which has unsubscribed.")
        case refusal:
            raise OperatorError(refusal.error)


def _own_settings(settings: MailSettings) -> Mapping[str, FieldInfo]:
    return PROVIDER_SETTINGS[settings.mail_provider].model_fields


def test_settings(variables: Mapping[str, str | None]) -> MailSettings:
    """The settings about email for a test: the provider keeps no list of those who unsubscribe from it.

    Raises:
        NotConfigured: one of them is malformed.
    """
    return mail_settings(variables).model_copy(update=_NO_LIST)


def standalone_page(mail: Mail) -> str:
    """The HTML part of an email as its first recipient gets it, as a page that needs no other file."""
    return with_pictures(mail.with_link(mail.recipients[0].unsubscribe_url).html, mail.images)


def languages() -> tuple[str, ...]:
    """The languages that the reports can be written in."""
    folders = (language.LOCALES, own_catalogs("report_kit"))
    return ("en", *sorted({catalog.stem for folder in folders for catalog in folder.glob("*.po")}))


@dataclass(frozen=True, kw_only=True)
class PreviewFiles:
    """The files of a preview: the HTML part as a page of its own, the text part, and the email provider's request."""

    html: Path
    text: Path
    request: Path

    @classmethod
    def of(cls, folder: Path, name: str) -> "PreviewFiles":
        """The files for a preview of this name."""
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)[:100]
        return cls(html=folder / f"{safe}.html", text=folder / f"{safe}.txt", request=folder / f"{safe}.json")

    def attachments(self, mail: Mail) -> list[Path]:
        """Where the files are kept that come with an email, in its order."""
        return [self.html.with_name(f"{self.html.stem}-{each.filename}") for each in mail.attachments]

    def write(self, mail: Mail, settings: MailSettings, *, at: datetime) -> str:
        """Keep an email: the pages as its first recipient gets it, the request for all of them, and its attachments.

        Returns:
            The page.

        Raises:
            OperatorError: a file cannot be written.
        """
        page, text = standalone_page(mail), mail.with_link(mail.recipients[0].unsubscribe_url).text
        request = parts_of(settings.mail_provider).to_request(mail, Sender.from_settings(settings), at)
        try:
            self.html.parent.mkdir(parents=True, exist_ok=True)
            self.html.write_text(page, encoding="utf-8")
            self.text.write_text(text, encoding="utf-8")
            self.request.write_text(json.dumps(request, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
            for file, attachment in zip(self.attachments(mail), mail.attachments, strict=True):
                file.write_bytes(attachment.content)
        except OSError as error:
            raise OperatorError(f"The preview cannot be written: {error}.") from error
        return page


class KindFiles:
    """Notices when a file of a kind was changed, and has the next report made from what is there now.

    Args:
        kind: whose code, texts and templates; the common layout and words count, too.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._folders = (kind_folders.folder_of(kind), rendering.LAYOUT, language.LOCALES)
        self._seen = self._versions()

    def have_changed(self) -> bool:
        """Whether any has since this was last asked; then all are read again with the next report."""
        now = self._versions()
        if now == self._seen:
            return False
        changed = {file for file, _version in now.items() ^ self._seen.items()}
        self._seen = now
        rendering.forget_templates()
        language.forget_catalogs()
        if any(file.suffix in _CODE for file in changed):
            self._forget_code()
        return True

    def _forget_code(self) -> None:
        """Have the kind imported again. Python takes compiled code for current by a file's size and whole second."""
        package = f"kinds.{self._kind}"
        for name in [name for name in sys.modules if f"{name}.".startswith(f"{package}.")]:
            module = sys.modules.pop(name)
            if cached := getattr(module, "__cached__", None):
                Path(cached).unlink(missing_ok=True)
        importlib.invalidate_caches()
        kinds.kinds.cache_clear()
        pdf_need.says_pdf.cache_clear()

    def _versions(self) -> dict[Path, tuple[int, int]]:
        found = {}
        for folder in self._folders:
            for file in folder.rglob("*"):
                if file.suffix in _SOURCES and file.is_file():
                    about = file.stat()
                    found[file] = (about.st_mtime_ns, about.st_size)
        return found
