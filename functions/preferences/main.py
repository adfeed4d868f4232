"""The recipient's page: a link in each email leads here, and mailbox providers call it to unsubscribe.

Everybody can call it. Who has a recipient's link is that recipient; everything else is answered alike, as an address
where there is nothing.
"""

import functools
import io
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog
from google.api_core.exceptions import GoogleAPICallError
from werkzeug.formparser import parse_form_data

from functions.preferences.changes import may_see_copies
from functions.preferences.own_form import is_own_form
from functions.preferences.page import Message, Page, Pages, language_for, style, style_version
from functions.preferences.store import PreferencesStore
from functions.preferences.wishes import OF_COPIES, Wish, Wishes
from functions.shared.firestore.database import firestore_database
from functions.shared.firestore.stored_calendars import stored_defaults
from functions.shared.logging import configure_logging, trace_lines
from functions.shared.mail.brand import Brand
from functions.shared.mail.language import Language
from functions.shared.mail.recipient_token import COPIES, RecipientToken, SharedCopy, TokenKeys
from functions.shared.named_brand import brand_name_of
from functions.shared.records.archived_copy import CopyName, user_part
from functions.shared.serving.answer import Answer
from functions.shared.serving.request_body import read_body
from functions.shared.serving.server import configure_server
from functions.shared.settings import PreferencesSettings, load_settings

if TYPE_CHECKING:
    import flask

    from functions.shared.archive import Archive

MOST_BODY_BYTES = 64 * 1024
"""The largest form, which takes a change of many subscriptions back, has less."""

_UNSUBSCRIBE = "unsubscribe"
_A_COPY = COPIES + "/"
_OF_USERS = frozenset(Wish) - OF_COPIES
_STYLE = re.compile(r"style-([0-9a-f]{6})-([0-9a-f]{8})\.css")

_settings = load_settings(PreferencesSettings)
configure_logging("preferences", _settings.log_level)
configure_server()
_logger = structlog.get_logger()
_url = urlsplit(_settings.preferences_url)
_path = _url.path.rstrip("/")
_brands = {"": _settings, **{name: brand.within(_settings) for name, brand in _settings.brands.items()}}
_origins = [urlsplit(each.preferences_url)._replace(path="").geturl() for each in _brands.values()]
_keys = TokenKeys(_settings.preferences_key)
_defaults = stored_defaults(
    _settings, lambda: firestore_database(_settings.google_cloud_project, _settings.firestore_database)
)
_pages = Pages({name: Brand.from_settings(each) for name, each in _brands.items()}, _keys, _path)


def preferences(request: "flask.Request") -> Answer:
    """Answer one request, as an HTTP function of functions-framework. A GET changes nothing."""
    trace_lines(request.headers.get)
    body = read_body(request.stream)
    if request.path == "/health":
        return "healthy\n", HTTPStatus.OK, {"Content-Type": "text/plain", **_SAFE}
    path = request.path.removeprefix(_path) if _path else request.path
    if (asked := _STYLE.fullmatch(path[1:])) and asked[2] == style_version():
        return _style(asked[1])
    language = _browsers_language(request)
    text, _slash, what = path[1:].partition("/")
    token = _keys.read(text)
    if copy := _copy_asked_for(token, text, what):
        if request.method not in {"GET", "HEAD"}:
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED, language)
        return _guarded(lambda: _show_copy(copy, token, language), language)
    if token is None or what not in {"", _UNSUBSCRIBE, *Wish} or (token.copy_of and what in _OF_USERS):
        return _plain(HTTPStatus.NOT_FOUND, language)
    if request.method in {"GET", "HEAD"}:
        return _guarded(lambda: _show(token), language) if not what else _see(token)
    if request.method != "POST" or not what:
        return _plain(HTTPStatus.METHOD_NOT_ALLOWED, language)
    if len(body) > MOST_BODY_BYTES:
        return _plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, language)
    form = _form(request, body)
    if what == _UNSUBSCRIBE:
        return _guarded(lambda: _one_click(token, form), language)
    if not is_own_form(request.headers, _origins):
        _logger.warning("form_of_another_origin_refused")
        return _plain(HTTPStatus.FORBIDDEN, language)
    return _guarded(lambda: _carry_out(token, Wish(what), form), language)


def _show(token: RecipientToken, message: Message | None = None) -> Answer:
    now = datetime.now(UTC)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if message and message.is_error else HTTPStatus.OK
    if token.copy_of:
        stored = _store().subscription(token.user_id, token.subscription_id)
        if stored is None:
            return _html(_pages.unknown_recipient(language_for("en")), HTTPStatus.OK)
        # The language of the email.
        language = language_for(stored.subscription.locale or stored.user.locale)
        page = _pages.of_copy(stored.user, stored.subscription, token, language, now=now, message=message)
        return _html(page, status)
    account = _store().account(token.user_id)
    if account is None:
        return _html(_pages.unknown_recipient(language_for("en")), HTTPStatus.OK)
    language = language_for(account.user.locale)
    return _html(_pages.of_user(account, token, language, now=now, message=message), status)


def _copy_asked_for(token: RecipientToken | None, text: str, what: str) -> SharedCopy | None:
    """The copy that an address names: behind a recipient's token, or in a link that shows nothing else."""
    if token is None:
        return _keys.read_shared_copy(what) if text == COPIES else None
    name = _keys.read_copy(what.removeprefix(_A_COPY)) if what.startswith(_A_COPY) else None
    return SharedCopy(token.user_id, token.subscription_id, name) if name else None


def _show_copy(asked: SharedCopy, token: RecipientToken | None, language: Language) -> Answer:
    """The report as it went out: to a recipient with the recipient's own links, to others without any."""
    name = CopyName.parse(f"{user_part(asked.user_id)}/{asked.name}")
    if _settings.archive is None or name is None:
        return _plain(HTTPStatus.NOT_FOUND, language)
    stored = _store().subscription(asked.user_id, asked.subscription_id)
    hashed = token.copy_of if token else ""
    is_shown = stored is not None and may_see_copies(stored, hashed) and datetime.now(UTC) < name.expires_at
    copy = _archive(_settings.archive).read(str(name)) if is_shown else None
    if stored is None or copy is None or copy.subscription_id != asked.subscription_id:
        return _plain(HTTPStatus.GONE, language)
    page_url = _brands.get(brand_name_of(stored.user.fields), _settings).preferences_url
    return (
        copy.page(f"{page_url}/{_keys.make(token)}" if token else "#"),
        HTTPStatus.OK,
        {
            **_SAFE,
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": _POLICY_OF_COPIES,
            "Referrer-Policy": "no-referrer",
        },
    )


def _carry_out(token: RecipientToken, wish: Wish, form: Mapping[str, str]) -> Answer:
    stored = _store().subscription(token.user_id, token.subscription_id)
    locale = (stored.subscription.locale if token.copy_of else None) or stored.user.locale if stored else "en"
    return _show(token, _wishes().carry_out(token, wish, form, language_for(locale)))


def _one_click(token: RecipientToken, form: Mapping[str, str]) -> Answer:
    """Unsubscribe as a mailbox provider asks for it. https://www.rfc-editor.org/rfc/rfc8058#section-3.1"""
    if form.get("List-Unsubscribe") != "One-Click":
        return "not a one-click unsubscribe\n", HTTPStatus.BAD_REQUEST, {"Content-Type": "text/plain", **_SAFE}
    _wishes().unsubscribe(token)
    return "unsubscribed\n", HTTPStatus.OK, {"Content-Type": "text/plain", **_SAFE}


def _see(token: RecipientToken) -> Answer:
    """Lead from the address of a form to the page: somebody has loaded it again, or followed the header's link."""
    return "", HTTPStatus.SEE_OTHER, {"Location": f"{_path}/{_keys.make(token)}", **_SAFE}


@functools.cache
def _archive(bucket: str) -> "Archive":
    # What it imports takes longer than a page, and most requests do not need it.
    from functions.shared.archive import Archive

    return Archive(bucket)


@functools.cache
def _store() -> PreferencesStore:
    # With the first request, not at import: gRPC's clients do not survive the server's fork.
    database = firestore_database(_settings.google_cloud_project, _settings.firestore_database)
    return PreferencesStore(database, _defaults, keeps_outcomes=_settings.outcomes_topic is not None)


@functools.cache
def _wishes() -> Wishes:
    return Wishes(_store(), _keys, _defaults, now=lambda: datetime.now(UTC))


def _form(request: "flask.Request", body: bytes) -> Mapping[str, str]:
    """The fields of a form, in either of the encodings of HTML. A field that comes twice has its first value."""
    environ = {
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "REQUEST_METHOD": "POST",
    }
    return parse_form_data(environ)[1].to_dict()


_SAFE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
"""Headers of every answer. The address of a page goes to no other origin, and into no cache."""

_POLICY_OF_COPIES = (
    "default-src 'none'; img-src data: https:; font-src https:; style-src 'unsafe-inline'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""An email has its styles within it, and no more can run than in a mail program: no script, no form, no frame."""


def _guarded(answer: Callable[[], Answer], language: Language) -> Answer:
    """The answer, or one that says to try again. Nothing of what went wrong is shown."""
    try:
        return answer()
    except GoogleAPICallError as error:
        _logger.warning("preferences_unavailable", error=type(error).__name__)
        return _plain(HTTPStatus.SERVICE_UNAVAILABLE, language)
    except Exception:
        _logger.exception("preferences_failed_unexpectedly")
        return _plain(HTTPStatus.INTERNAL_SERVER_ERROR, language)


def _plain(status: HTTPStatus, language: Language) -> Answer:
    """A page that says one thing, in the language that the browser asks for: whose link it is says nothing here."""
    _ = language.gettext
    match status:
        case HTTPStatus.NOT_FOUND:
            title, text = _("There is nothing here"), _("Open the link in an email again. It must be whole.")
        case HTTPStatus.GONE:
            title, text = _("This report is no longer kept"), _("Its time is over, or the reports were stopped.")
        case HTTPStatus.SERVICE_UNAVAILABLE | HTTPStatus.INTERNAL_SERVER_ERROR:
            title, text = _("This does not work just now"), _("Nothing was changed. Try again in a few minutes.")
        case _:
            title, text = _("This was not done"), _("Open the link in an email again, and use the buttons of its page.")
    headers = {"Retry-After": "60"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    body, _status, others = _html(_pages.plain(language, title, text), status)
    return body, status, {**others, **headers}


def _browsers_language(request: "flask.Request") -> Language:
    asked = [tag for tag, _quality in request.accept_languages]
    return language_for(asked[0] if asked and len(asked[0]) <= 35 else "en")


def _html(page: Page, status: HTTPStatus) -> Answer:
    return (
        page.html,
        status,
        {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": page.content_security_policy,
            "Cross-Origin-Opener-Policy": "same-origin",
            **_SAFE,
        },
    )


def _style(color: str) -> Answer:
    headers = {**_SAFE, "Content-Type": "text/css; charset=utf-8", "Cache-Control": "public, max-age=604800, immutable"}
    return style(f"#{color}"), HTTPStatus.OK, headers
