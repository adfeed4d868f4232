"""The texts of the emails."""

import string
from dataclasses import dataclass

from examples.task_function import PermanentError
from examples.transactional_mail.mail_task import MailTask


@dataclass(frozen=True)
class Text:
    """A subject and a body, with `$names` in them."""

    subject: str
    body: str


_TEXTS = {
    "order-confirmed": Text(
        "Your order $order", "Thank you for your order $order.\n\nIt is on its way, and arrives on $arrives.\n"
    ),
    "password-reset": Text(
        "Set a new password", "Open this page within the hour to set a new password:\n\n$link\n\nNot you? Do nothing.\n"
    ),
}


def text_of(task: MailTask) -> Text:
    """The subject and the body of a task's email, each value on one line.

    Raises:
        PermanentError: the task lacks a value.
    """
    template = _TEXTS[task.template]
    values = {name: " ".join(value.split()) for name, value in task.values.items()}
    try:
        return Text(
            string.Template(template.subject).substitute(values), string.Template(template.body).substitute(values)
        )
    except KeyError as error:
        raise PermanentError(f"values.{error.args[0]}: Field required") from None
