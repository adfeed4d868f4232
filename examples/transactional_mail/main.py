"""A function that sends one transactional email for each task."""

import functools
from typing import TYPE_CHECKING

from pydantic import Field

from examples.task_function import TaskFunction, TaskFunctionSettings
from examples.transactional_mail.mail_task import MailTask
from functions.shared.firestore.google_client import google_client
from functions.shared.serving.answer import Answer
from functions.shared.settings import Address, PrivateUrl, Secret, load_settings

if TYPE_CHECKING:
    import flask

    from examples.transactional_mail.outbox import Outbox


class Settings(TaskFunctionSettings):
    """The function's environment."""

    sendgrid_api_key: Secret = Field(repr=False)
    sendgrid_host: PrivateUrl = "https://api.sendgrid.com"
    mail_from: Address


_settings = load_settings(Settings)


@functools.cache
def _outbox() -> "Outbox":
    # With the first task, not at import: gRPC's clients do not survive the server's fork.
    from sendgrid import SendGridAPIClient

    from examples.transactional_mail.outbox import Outbox

    return Outbox(
        client=google_client(_settings.google_cloud_project, _settings.firestore_database),
        sendgrid=SendGridAPIClient(_settings.sendgrid_api_key, _settings.sendgrid_host),
        sender=_settings.mail_from,
    )


_function = TaskFunction("transactional_mail", _settings, lambda body: _outbox().send(MailTask.from_json(body)))


def transactional_mail(request: "flask.Request") -> Answer:
    """The entry point."""
    return _function(request)
