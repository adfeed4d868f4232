"""The code that all commands share: options with the same name and meaning, and errors in one line."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError
from pydantic import TypeAdapter, ValidationError
from typer.core import TyperGroup

from functions.shared.fields import MailAddress
from functions.shared.ids import is_document_id
from operations.errors import UNREACHABLE, ExitStatus, OperatorError, describe
from operations.output import Output, escape, notice
from operations.session import Session
from operations.time_args import parse_duration, parse_moment

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="How many at most.")]
WithAddresses = Annotated[bool, typer.Option("--with-addresses", help="Show e-mail addresses, too.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")]


_ADDRESS: TypeAdapter[str] = TypeAdapter(MailAddress)


class ReportsGroup(TyperGroup):
    """Ends with one line on standard error if the operator can fix what stopped the command."""

    def make_context(self, info_name: str | None, args: list[str], *others: Any, **extra: Any) -> Any:
        """Read the command line."""
        with _escaped_usage():
            for arg in args:
                # Bytes that are not UTF-8 come as lone surrogates, which no service takes.
                if arg != arg.encode(errors="replace").decode():
                    raise typer.BadParameter(f"{arg} is not UTF-8")
            return super().make_context(info_name, args, *others, **extra)

    def invoke(self, ctx: Any) -> Any:
        """Carry out the command."""
        try:
            with _escaped_usage():
                return super().invoke(ctx)
        except OperatorError as error:
            raise _end(str(error), error.status) from error
        except (*UNREACHABLE, GoogleAuthError) as error:
            raise _end(f"Google Cloud does not answer: {error}", ExitStatus.NOT_CONNECTED) from error
        except GoogleAPIError as error:
            raise _end(
                f"Google Cloud refuses: {getattr(error, 'message', None) or error}", ExitStatus.FAILED
            ) from error


def session(ctx: typer.Context) -> Session:
    """The command's session."""
    found = ctx.find_object(Session)
    if found is None:
        raise RuntimeError("the command was not started by its application")
    return found


def moment(text: str) -> datetime:
    """Read an option that is a moment."""
    try:
        return parse_moment(text, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def duration(text: str) -> timedelta:
    """Read an option that is a duration."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def document_id(text: str) -> str:
    """Read an argument that is a document's id."""
    if not is_document_id(text):
        raise typer.BadParameter(f"{text!r} is not a document's id")
    return text


def mail_address(text: str) -> str:
    """Read an option that is an e-mail address."""
    try:
        return _ADDRESS.validate_python(text)
    except ValidationError:
        raise typer.BadParameter("it is not an e-mail address") from None


def confirm(output: Output, what: str, *, yes: bool) -> None:
    """Ask the operator whether to go on.

    Args:
        output: where the question goes.
        what: what would be done: `replay 3 dead letters on …`.
        yes: whether the operator has said so already.

    Raises:
        OperatorError: the operator declines, or there is no terminal to ask on.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise OperatorError(f"Nothing was done, since there is no terminal to ask on: pass --yes to {what}.")
    if not output.confirm(f"{what[0].upper()}{what[1:]}?"):
        raise OperatorError("Nothing was done.")


@contextmanager
def _escaped_usage() -> Iterator[None]:
    """Escape invalid arguments in error messages: the operator may have copied them from a document."""
    try:
        yield
    except typer.TyperException as error:
        error.message = escape(error.message)
        raise


def _end(message: str, status: ExitStatus) -> typer.Exit:
    notice(describe(message))
    return typer.Exit(status)
