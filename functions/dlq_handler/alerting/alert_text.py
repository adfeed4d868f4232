"""Texts and commands that are safe in an alert: without addresses, since alerts go to chat rooms and pagers. Pure."""

import shlex
from typing import Any

from functions.dlq_handler.channels.plain_text import cut_text, printable
from functions.shared.logging import redact_addresses, redacted_beginning

_MAX_COMMAND_CHARACTERS = 500


def shown_text(value: Any, limit: int) -> str:
    """Any text as an alert may show it: without addresses and invisible characters, and cut to the limit."""
    return cut_text(redacted_beginning(printable(str(value)[: limit * 40]), limit * 4).strip(), limit)


def is_presentable(text: str) -> bool:
    """Whether every channel shows a text unchanged. An id may be an address, and may hold any character."""
    return printable(text) == text and redact_addresses(text) == text and not set(text) & set("\n\t`<]@")


def letter_command(verb: str, letter_id: str, *, otherwise: str) -> str:
    """A command for one dead letter.

    Args:
        verb: what it does, such as `show`.
        letter_id: the dead letter's.
        otherwise: the command that takes its place where there is no such id, or a channel might change it.
    """
    quoted = shlex.quote(letter_id)
    if letter_id and is_presentable(letter_id) and len(quoted) <= _MAX_COMMAND_CHARACTERS:
        return f"reports dead-letters {verb} {quoted}"
    return otherwise
