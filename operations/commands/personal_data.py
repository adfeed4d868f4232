"""`reports users export` and `erase`: what the pipeline keeps about one user."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operations.commands.group import AsJson, DryRun, Yes, confirm, document_id, recorded, session
from operations.errors import OperatorError
from operations.output import Output, to_json
from operations.parallel import progress

if TYPE_CHECKING:
    from operations.session import Session
    from operations.users.personal_data import KeptData, PersonalData

User = Annotated[str, typer.Argument(metavar="USER", parser=document_id, help="The user's id.")]
Addresses = Annotated[
    list[str] | None,
    typer.Option(
        "--address",
        metavar="EMAIL",
        help="Another address of the user, beside the one in the user's document, for which the command searches "
        "unreadable messages. Repeat it for more.",
    ),
]
WithDocument = Annotated[
    bool,
    typer.Option("--with-document", help="Also users/USER itself and all else below it: your application's data."),
]

_ELSEWHERE = (
    "Logs, backups, messages under way in Pub/Sub, the email provider and Slack keep more of it for a time: "
    "docs/guides/privacy.md."
)


def export(
    ctx: typer.Context,
    user: User,
    *,
    address: Addresses = None,
    with_document: WithDocument = False,
    to: Annotated[
        Path | None,
        typer.Option(metavar="FILE", dir_okay=False, help="Write it to this file, which only you can read."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hand out what the pipeline keeps about a user, as JSON, email addresses included."""
    from operations.private_file import write_private

    output = Output(as_json=as_json)
    data = _personal_data(session(ctx), user, address)
    with output.err.status("Reading"):
        kept = data.find()
        exported = data.export(kept, with_document=with_document)
    if to is None:
        output.json(exported)
        return
    try:
        write_private(to, to_json(exported).encode())
    except OSError as error:
        raise OperatorError(f"{to} cannot be written: {error.strerror}.") from error
    if as_json:
        output.json({"user_id": user, "file": str(to), "found": kept.counts})
    else:
        _show(output, kept)
        output.say(f"Written to {to}.")


def erase(
    ctx: typer.Context,
    user: User,
    *,
    address: Addresses = None,
    with_document: WithDocument = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Erase what the pipeline keeps about a user. This cannot be undone. If interrupted, repeat it."""
    current = session(ctx)
    output = Output(as_json=as_json)
    data = _personal_data(current, user, address)
    with output.err.status("Reading"):
        kept = left = data.find()
    document = f" and users/{user} with all that is below it" if with_document and kept.has_document else ""
    is_nothing = kept.is_empty and not document
    if not as_json:
        _show(output, kept)
    if not is_nothing:
        data.check(kept, with_document=with_document)
    if is_nothing and not dry_run:
        data.keep_out()
    elif not dry_run:
        confirm(output, f"erase what is kept of {user}{document} on {current.target.description}", yes=yes)
        # A record with the user's id would be kept of the user.
        with (
            recorded(current, "Erase a user", "what the pipeline keeps"),
            progress(output.err, "Erasing", total=kept.total) as advance,
        ):
            left = data.erase(with_document=with_document, on_erased=advance)
    still_there = left.left(with_document=with_document)
    if as_json:
        output.json({"user_id": user, "dry_run": dry_run, "found": kept.counts, "left": still_there})
    if not dry_run and any(still_there.values()):
        raise OperatorError(f"Something was written about {user} meanwhile: repeat this in two minutes.")
    if as_json:
        return
    if is_nothing:
        output.say(f"Nothing is kept of {user}. {_ELSEWHERE}")
    else:
        output.say(f"{'This would be erased' if dry_run else 'Erased'}{document}. {_ELSEWHERE}")


def _personal_data(current: Session, user: str, addresses: list[str] | None) -> PersonalData:
    from operations.users.personal_data import PersonalData

    return PersonalData(
        database=current.firestore,
        queues=current.queues,
        queue_names=current.target.queues,
        user_id=user,
        now=current.now,
        archive=current.archive,
        addresses=addresses or (),
    )


def _show(output: Output, kept: KeptData) -> None:
    rows = [{"kept": name.replace("_", " "), "count": count} for name, count in kept.counts.items()]
    output.rows(rows, ("kept", "count"), empty="")
