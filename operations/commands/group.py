"""The code that all commands share: options with the same name and meaning."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from operations.errors import OperatorError
from operations.output import Output, guard_logs
from operations.time_args import parse_duration, parse_moment

if TYPE_CHECKING:
    from operations.operator_actions import ActionInProgress, FailedReports
    from operations.parallel import Done, Item
    from operations.session import Session

_RECORD_SECONDS = 5.0
"""How long a command waits for the record of what it does."""


class ListGroup(TyperGroup):
    """Commands of which `list` is meant where none is named: `reports runs --limit 5`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line."""
        names_none = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        parsed: list[str] = super().parse_args(ctx, ["list", *args] if names_none else args)
        return parsed


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV, and nothing else, on standard output.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many at most.")]
EveryRow = Annotated[bool, typer.Option("--all", help="All of them, whatever --limit says.")]
WithAddresses = Annotated[bool, typer.Option("--with-addresses", help="Show email addresses, too.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]


def print_list(
    output: Output,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    limit: int | None,
    count: Callable[[], int],
    empty: str,
    optional: Collection[str] = (),
) -> None:
    """Print a list, and say how many it leaves out.

    Args:
        rows: as `Output.rows` takes them, as are the columns, `empty` and `optional`.
        limit: how many rows were asked for; None for all.
        count: counts all; called if there may be more.
    """
    output.rows(rows, columns, empty=empty, optional=optional)
    if limit is not None and len(rows) >= limit:
        output.cut(len(rows), count())


def read_all(items: Sequence[Item], read: Callable[[Item], Done], output: Output) -> list[Done]:
    """Read something about each of many items, several at a time. Ctrl-C ends the command."""
    from operations.parallel import in_parallel

    done = in_parallel(items, read, what="Reading", console=output.err)
    if done.interrupted:
        raise typer.Exit(130)
    return done.results


def session(ctx: typer.Context) -> Session:
    """The command's session, which begins with the first call."""
    from operations.session import Session

    root = ctx.find_root()
    if not isinstance(root.obj, Session):
        guard_logs()
        root.obj = Session(root.obj)
    return root.obj


@contextmanager
def recorded(
    current: Session, action: str, subject: str, *, note: str = "", about: FailedReports | None = None
) -> Iterator[ActionInProgress]:
    """Keep what the operator does, while it is done, for the console's page Actions. Where Firestore does not take the
    record, the operator is told, and it is done all the same: a queue is to be paused also then, and by those who may
    do no more.

    Args:
        subject: what it is done to; without addresses.
    """
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    from operations.failures import describe
    from operations.operator_actions import ActionInProgress, OperatorActions
    from operations.runs.sending import operator_name

    has_begun = is_done = False
    try:
        log = OperatorActions(current.within(_RECORD_SECONDS).firestore)
        with log.record(operator_name(), action, subject=subject, now=current.now, note=note, about=about) as progress:
            has_begun = True
            yield progress
            is_done = True
    except (GoogleAPIError, GoogleAuthError, OperatorError) as error:
        if has_begun and not is_done:
            raise
        missing = "how this ended" if is_done else "this"
        Output().warn(f"The page Actions of the console will not have {missing}: {describe(error)[:200]}")
    if not has_begun:
        yield ActionInProgress()


@contextmanager
def refused_value(option: str | None = None) -> Iterator[None]:
    """Refuse a value of the command line if a ValueError says what is wrong with it.

    Args:
        option: whose it is, such as `--until`; None where Typer knows it.
    """
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def moment(text: str) -> datetime:
    """Read an option that is a moment."""
    with refused_value():
        return parse_moment(text, datetime.now(UTC))


def duration(text: str) -> timedelta:
    """Read an option that is a duration."""
    with refused_value():
        return parse_duration(text)


def document_id(text: str) -> str:
    """Read an argument that is a document's id."""
    from functions.shared.records.ids import is_document_id

    if not is_document_id(text):
        raise typer.BadParameter(f"{text!r} is not a document's id")
    return text


def mail_address(text: str) -> str:
    """Read an option that is an email address."""
    from pydantic import TypeAdapter, ValidationError

    from functions.shared.records.fields import MailAddress

    try:
        return TypeAdapter[str](MailAddress).validate_python(text)
    except ValidationError:
        raise typer.BadParameter("it is not an email address") from None


def warn_of_locale(output: Output, locale: str | None) -> None:
    """Say that reports are in English where they have no words in a language.

    Args:
        output: where to say it.
        locale: as BCP 47; None: nobody has named one.
    """
    from functions.shared.known_kinds import is_known_locale, known_languages

    if locale is not None and not is_known_locale(locale):
        output.warn(f"Reports have words in {', '.join(known_languages())}: with {locale}, they are in English.")


def confirm(output: Output, what: str, *, yes: bool) -> None:
    """Ask the operator whether to go on.

    Args:
        what: what would be done: `replay 3 dead letters on …`.

    Raises:
        OperatorError: the operator declines, or there is no terminal to ask on.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise OperatorError(f"Nothing was done, since there is no terminal to ask on: pass --yes to {what}.")
    if not output.confirm(f"{what[0].upper()}{what[1:]}?"):
        raise OperatorError("Nothing was done.")
