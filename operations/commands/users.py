"""`reports users`: who gets reports."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from functions.shared.records.states import Enroll
from operations.commands import personal_data
from operations.commands.group import (
    AsCsv,
    AsJson,
    EveryRow,
    Limit,
    WithAddresses,
    document_id,
    read_all,
    recorded,
    session,
)
from operations.commands.subscriptions import print_subscriptions, read_rows
from operations.errors import NotFound
from operations.output import Output
from operations.parallel import progress

if TYPE_CHECKING:
    from functions.shared.records.user import User
    from operations.session import Session

app = typer.Typer(no_args_is_help=True)
app.command("export")(personal_data.export)
app.command("erase")(personal_data.erase)

_COLUMNS = (
    *("user_id", "active", "problem", "subscription_count", "paused_count", "next_report_at"),
    *("last_delivery_state", "last_delivery_due_at", "time_zone", "enrolled_at"),
)


@app.command("list")
def list_(
    ctx: typer.Context,
    *,
    after: Annotated[
        str | None, typer.Option(metavar="USER", parser=document_id, help="Those after this id: the next page.")
    ] = None,
    limit: Limit = 50,
    everything: EveryRow = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Users in the order of their ids, with their next due time and their last delivery."""
    from operations.users.users import Users

    current, most = session(ctx), None if everything else limit
    users = Users(current.firestore)
    output = Output(as_json=as_json, as_csv=as_csv)
    found = users.page(after=after, limit=most)
    _print(current, output, found, empty="There are no such users.")
    if most is not None and len(found) >= most:
        output.cut(len(found), users.count())


@app.command()
def find(
    ctx: typer.Context,
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The address, spelled as in the user's document.")],
    *,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """The users who have an email address. The addresses in subscriptions are not searched."""
    from operations.users.users import Users

    current = session(ctx)
    output = Output(as_json=as_json)
    found = Users(current.firestore).with_address(email, limit=limit)
    if not found:
        raise NotFound(
            f"No user's email is {email}, nor that in small letters: Firestore compares exactly, capitals included."
        )
    _print(current, output, found, empty="")


@app.command()
def show(
    ctx: typer.Context,
    user: Annotated[str, typer.Argument(metavar="USER", parser=document_id, help="The user's id.")],
    *,
    with_addresses: WithAddresses = False,
    as_json: AsJson = False,
) -> None:
    """One user, with all subscriptions; and why no report comes, if none does."""
    from operations.deliveries.deliveries import Deliveries
    from operations.kinds.kind_pausing import KindPausing
    from operations.subscriptions.subscriptions import Subscriptions
    from operations.users.users import Users, explain_user, user_row

    current, now = session(ctx), datetime.now(UTC)
    output = Output(as_json=as_json)
    found = Users(current.firestore).get(user)
    subscriptions = Subscriptions(current.firestore, current.defaults).of_user(user)
    latest, pauses = Deliveries(current.firestore).latest(user), KindPausing(current.firestore).pauses()
    row = user_row(found, subscriptions, latest, now=now, with_addresses=with_addresses)
    row["explanation"] = explain_user(found, subscriptions, pauses, now=now) or None
    rows = read_rows(current, subscriptions, output, now=now, with_addresses=with_addresses)
    if as_json:
        output.json({**row, "subscriptions": rows})
        return
    output.fields(row)
    output.say()
    print_subscriptions(output, rows, empty="The user has no subscription.")


@app.command("would-enroll")
def would_enroll(
    ctx: typer.Context,
    *,
    enroll: Annotated[
        Enroll | None, typer.Option(help="Whom to enroll; default: ENROLL of the dispatcher.", show_default=False)
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Count the users whom the next runs would enroll, and what they would get when. Reads all active users."""
    from functions.shared.settings import EnrollmentSettings
    from operations.connection.read_settings import read_settings
    from operations.users.would_enroll import Effect, WouldEnroll

    current = session(ctx)
    output = Output(as_json=as_json, as_csv=as_csv)
    settings = read_settings(EnrollmentSettings, current.target.look_up)
    would = WouldEnroll(current.firestore, current.defaults, enroll or settings.enroll)
    effects = read_all(would.users(), would.effect, output)
    rows = would.rows(effects)
    output.rows(rows, ("users", "effect", "kind", "cadence", "first_report"), empty="All active users are enrolled.")
    found = sum(effect is not Effect.LEFT_OUT for effect in effects)
    if found > settings.enroll_at_once:
        output.warn(
            f"{found:,} users are more than ENROLL_AT_ONCE={settings.enroll_at_once}: "
            "a run would enroll none of them, and tell people."
        )


@app.command("import")
def import_(
    ctx: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="Users, one a line: .csv or .jsonl.")
    ],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the file and count; write nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Import users with their subscriptions, enrolled. Users who are there already stay as they are."""
    from operations.previews.preview import known_kinds
    from operations.users.user_import import import_users, read_users

    current = session(ctx)
    output = Output(as_json=as_json)
    users = read_users(file, current.defaults, kinds=known_kinds(), now=datetime.now(UTC))
    record = nullcontext() if dry_run else recorded(current, "Import users", f"{len(users):,} users")
    with record, progress(output.err, "Importing", total=len(users)) as advance:
        done = import_users(current.firestore, users, dry_run=dry_run, advance=advance)
    output.fields({"dry_run": dry_run, **done._asdict()})


def _print(current: Session, output: Output, users: Sequence[User], *, empty: str) -> None:
    from operations.deliveries.deliveries import Deliveries
    from operations.subscriptions.subscriptions import Subscriptions
    from operations.users.users import user_row

    now = datetime.now(UTC)
    subscriptions = Subscriptions(current.firestore, current.defaults)
    deliveries = Deliveries(current.firestore)

    def read(user: User) -> dict[str, Any]:
        return user_row(user, subscriptions.of_user(user.id), deliveries.latest(user.id), now=now)

    output.rows(read_all(users, read, output), _COLUMNS, empty=empty, optional={"problem"})
