"""Removes all that the deployment has made, and nothing else. What is in the database stays without --delete-data; the
users are the team's own and stay in any case, and so do the database and the APIs, which others may use."""

from deployment.cloud_run.running import is_there, remove_service
from deployment.firestore_documents import Documents
from deployment.lock import take_lock
from deployment.options import FUNCTIONS
from deployment.resources.accounts import no_accounts, no_roles, repository
from deployment.resources.budget import budget
from deployment.resources.firestore import no_indexes
from deployment.resources.monitoring import nothing_of_monitoring
from deployment.resources.queues import no_queues
from deployment.resources.schedule import job
from deployment.resources.secrets import SECRET, secret_names
from deployment.resources.topics import topics
from deployment.run import Run
from deployment.settings import SECRETS
from deployment.stopped import Stopped
from deployment.webhooks import remove_webhook

COLLECTIONS = (
    *("deliveries", "mail_events", "mail_breaker", "kind_pauses", "runs", "dead_letters", "system_alerts", "alerts"),
    *("operator_actions", "untold_outcomes", "audiences", "erased_users"),
)
"""The pipeline's own collections at the top."""


def tear_down(run: Run) -> None:
    run.report.step("teardown", "Teardown")
    settings, client = run.settings, run.client
    # Nothing is enabled here, and what cannot be read may be there.
    client.apis_may_be_off = False
    client.forget()
    client.remember()
    _say_what_goes(run)
    take_lock(run)
    run.bring([job(settings).gone()])
    remove_service(run, "console")
    _remove_secrets(run, "CONSOLE_KEY")
    for name in FUNCTIONS:
        # A webhook can be there without its function, where a deployment did not come to its end.
        if name == "mail-events" and (settings.with_mail_events or is_there(run, name)):
            remove_webhook(run, settings.mail_provider)
        remove_service(run, name)
    run.bring([each.gone() for each in repository(settings)])
    run.bring([*no_queues(settings, client), *(each.gone() for each in topics(settings))])
    run.bring([*(each.gone() for each in budget(settings, client)), *nothing_of_monitoring(settings)])
    _remove_secrets(run, *SECRETS, *settings.kind_secrets)
    if own := no_indexes(settings, client):
        run.bring(own)
        if run.options.delete_data:
            _remove_data(run)
    else:
        run.report.warn("another pipeline of this project uses the database; its indexes and documents stay.")
    run.bring(no_roles(settings))
    run.bring(no_accounts(settings))
    run.report.say(
        f"What stays: the database {settings.firestore_database} with its users and rules, the APIs, and the bucket "
        f"for sources, {settings.sources}."
    )
    if settings.archive == "on":
        run.report.say(f"So does the bucket {settings.copies} with its copies, until their days are over.")
    if settings.kms_key:
        run.report.say(f"So do who may use {settings.kms_key}, and that Cloud Tasks encrypts with it.")
    if not run.options.dry_run:
        _confirm(run)


def _say_what_goes(run: Run) -> None:
    settings, report = run.settings, run.report
    report.say(
        f'This removes the report pipeline "{settings.prefix}" in {settings.region} from project '
        f"{settings.project_id}: "
        "functions, console, queues with all tasks in"
    )
    report.say(
        "them, topics with all messages in them, job, secrets, service accounts, images, indexes, alerts and "
        "dashboard; and the email provider's webhook to it."
    )
    if run.options.delete_data:
        report.say(
            f"All documents of the collections {' '.join(COLLECTIONS)} in the database {settings.firestore_database} "
            "are deleted, too."
        )


def _confirm(run: Run) -> None:
    try:
        answer = input("To go on, type the project id: ")
    except EOFError:
        answer = ""
    run.report.say("")
    if answer != run.settings.project_id:
        raise Stopped("not confirmed. Nothing was removed.")


def _remove_secrets(run: Run, *variables: str) -> None:
    there = secret_names(run.settings, run.client)
    for name in map(run.settings.secret, variables):
        if name in there:
            request = SECRET.method("delete").request(f"projects/{run.settings.project_id}/secrets/{name}")
            run.send(request, ("removed", f"secret {name}"))


def _remove_data(run: Run) -> None:
    documents = Documents(run.client, run.settings.database_name, run.wait)

    def do() -> None:
        for collection in COLLECTIONS:
            documents.delete_collection(collection)

    run.act([("removed", f"documents of {' '.join(COLLECTIONS)}")], [], do)
