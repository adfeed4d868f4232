"""Finds what an id, an address or an email's id names, for the field that every page has."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from functions.shared.records.dead_letter import DEAD_LETTERS
from functions.shared.records.delivery import DELIVERIES
from functions.shared.records.ids import is_document_id
from functions.shared.records.run import RUNS
from functions.shared.records.user import USERS
from operations.console.console import console_of
from operations.console.form import Form, FormRefused, form_action
from operations.console.readings import Shown
from operations.console.view import link, part
from operations.deliveries.deliveries import Deliveries
from operations.users.users import Users

_PAGES = {USERS: "people", DELIVERIES: "deliveries", DEAD_LETTERS: "dead-letters", RUNS: "runs"}
"""The page of a document of each collection, in the order in which they are looked for."""

_MOST = 50


def _read(request: Request) -> Shown:
    """The page that says that nothing was found."""
    return Shown(template="find.html", context={})


def find(request: Request) -> Response:
    """Go to what an id names."""
    wanted = request.query_params.get("q", "").strip()
    if found := _find(request, wanted):
        return RedirectResponse(found, HTTPStatus.SEE_OTHER)
    shown = _read(request)
    return console_of(request).view.page(request, shown.template, status=HTTPStatus.NOT_FOUND, nothing=_nothing(wanted))


@form_action(_read)
def find_by_form(request: Request, form: Form) -> Response:
    """The same of a form, so that an email address is in no address of a page, and in no log."""
    wanted = form.text("q")
    found = _find(request, wanted)
    if "@" in wanted and not found:
        users = Users(console_of(request).reading.firestore).with_address(wanted, limit=_MOST)
        found = link("/people", ids=" ".join(each.id for each in users)) if len(users) > 1 else ""
        found = f"/people/{part(users[0].id)}" if len(users) == 1 else found
    if not found:
        raise FormRefused(_nothing(wanted), status=HTTPStatus.NOT_FOUND)
    return RedirectResponse(found, HTTPStatus.SEE_OTHER)


def _find(request: Request, wanted: str) -> str:
    """The page of what an id names; empty where it names nothing."""
    if not is_document_id(wanted):
        return ""
    database = console_of(request).reading.firestore
    found = database.get_all([f"{collection}/{wanted}" for collection in _PAGES], fields=[])
    for collection, page in _PAGES.items():
        if found[f"{collection}/{wanted}"].exists:
            return f"/{page}/{part(wanted)}"
    mails = Deliveries(database).of_message(wanted, limit=2)
    return f"/deliveries/{part(mails[0].id)}" if mails else ""


def _nothing(wanted: str) -> str:
    if len(wanted.encode()) > 1500:
        return "An id has at most 1,500 bytes."
    if "@" in wanted:
        return "No user has this address. Firestore compares addresses exactly, capitals included."
    return "No user, delivery, dead letter, run or email has this id."


ROUTES = [Route("/find", find), Route("/find", find_by_form, methods=["POST"])]
