"""What SendGrid's mail send refuses, and in which words.

The rules are those of its published API description and its list of errors; the texts and the paths in `field` are the
ones that the service answers with, so that what a team's code reads out of an error here it also finds there.
https://github.com/twilio/sendgrid-oai (tsg_mail_v3)
https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

MOST_BYTES = 30 * 1024 * 1024
"""Of a whole request. https://www.twilio.com/docs/sendgrid/api-reference/mail-send/limitations"""

MOST_PERSONALIZATIONS = 1_000
MOST_RECIPIENTS = 1_000
MOST_CUSTOM_ARGS_BYTES = 10_000
MOST_SUBSTITUTIONS_BYTES = 10_000
MOST_CATEGORIES = 10
LONGEST_CATEGORY = 255
MOST_GROUPS_TO_DISPLAY = 25
FURTHEST_SEND_AT = timedelta(hours=72)

RESERVED_HEADERS = {
    "x-sg-id",
    "x-sg-eid",
    "received",
    "dkim-signature",
    "content-type",
    "content-transfer-encoding",
    "to",
    "from",
    "subject",
    "reply-to",
    "cc",
    "bcc",
}

_HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html"
_FIELDS = {
    "asm",
    "attachments",
    "batch_id",
    "categories",
    "content",
    "custom_args",
    "from",
    "headers",
    "ip_pool_name",
    "mail_settings",
    "personalizations",
    "reply_to",
    "reply_to_list",
    "sections",
    "send_at",
    "subject",
    "template_id",
    "tracking_settings",
}
_PERSONALIZATION_FIELDS = {
    "bcc",
    "cc",
    "custom_args",
    "dynamic_template_data",
    "from",
    "headers",
    "send_at",
    "subject",
    "substitutions",
    "to",
}
_EXAMPLE = '{"email": "example@example.com"} or {"email": "example@example.com", "name": "Example Recipient"}'
_ARGS_ARE_STRINGS = "All values of custom arguments object must be strings"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_LABEL = r"[A-Za-z0-9\x80-\U0010ffff](?:[A-Za-z0-9\x80-\U0010ffff-]*[A-Za-z0-9\x80-\U0010ffff])?"
_ADDRESS = re.compile(
    rf'(?:{_ATOM}(?:\.{_ATOM})*|"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*")@(?:{_LABEL}(?:\.{_LABEL})*|\[[^\[\]\\\s]+\])'
)
_LONGEST_LOCAL_PART = 64
_LONGEST_ADDRESS = 254


@dataclass(frozen=True)
class Problem:
    """One entry of the `errors` that SendGrid answers with.

    Attributes:
        message: what is wrong.
        field: the path of what is wrong, such as `personalizations.0.to.0.email`; None where it is the whole request.
        help: the page that says more, None where there is none.
    """

    message: str
    field: str | None = None
    help: str | None = None


def is_address(text: str) -> bool:
    """Whether a text is a bare address by RFC 5322, letters beyond ASCII allowed."""
    return (
        _ADDRESS.fullmatch(text) is not None
        and len(text) <= _LONGEST_ADDRESS
        and len(text.rpartition("@")[0]) <= _LONGEST_LOCAL_PART
    )


def is_sandboxed(payload: Mapping[str, Any]) -> bool:
    """Whether a valid request asks to be checked only, and not to be sent."""
    settings = payload.get("mail_settings") or {}
    return (settings.get("sandbox_mode") or {}).get("enable") is True


def find_problems(payload: object, *, now: datetime) -> list[Problem]:
    """What SendGrid would refuse a request for; nothing if it would take it.

    Args:
        payload: the request's body, decoded.
        now: the present, which `send_at` is compared with.
    """
    if not isinstance(payload, dict):
        return [Problem("Bad Request")]
    return _Check(now).request(payload)


class _Check:
    """Goes through a request and collects what is wrong with it."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._problems: list[Problem] = []

    def request(self, payload: dict[str, Any]) -> list[Problem]:
        self._known_fields(payload, _FIELDS, "")
        templated = isinstance(payload.get("template_id"), str) and payload["template_id"] != ""
        if "template_id" in payload:
            # This account has no templates. To accept the email and leave its body out would hide the mistake.
            self._refuse(
                "template_id",
                "The Template ID must be a valid template id for your account. "
                f"You provided {_shown(payload['template_id'])}.",
                "template_id",
            )
        self._from(payload)
        self._personalizations(payload)
        self._subject(payload, templated)
        self._content(payload, templated)
        self._attachments(payload)
        self._categories(payload)
        self._headers(payload.get("headers"), "headers")
        self._reply_to(payload)
        self._send_at(payload, "")
        self._asm(payload)
        self._settings(payload)
        self._strings(payload.get("sections"), "sections", "The section values must be strings.")
        for name in ("batch_id", "ip_pool_name"):
            if name in payload:
                self._is(payload[name], str, name, name)
        return self._problems

    def _refuse(self, field: str, message: str, anchor: str) -> None:
        self._problems.append(Problem(message, field, f"{_HELP}#message.{anchor}"))

    def _is(self, value: object, kind: type, field: str, anchor: str) -> bool:
        """Refuse a value of another type than the schema has."""
        # To Python True is an integer, to JSON it is none.
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return True
        self._refuse(field, f"Invalid type. Expected: {_JSON_TYPES[kind]}, given: {_json_type(value)}.", anchor)
        return False

    def _known_fields(self, value: dict[str, Any], known: set[str], path: str) -> None:
        for name in value:
            if name not in known:
                self._problems.append(Problem(f"Additional property {name} is not allowed", f"{path}{name}"))

    def _from(self, payload: dict[str, Any]) -> None:
        sender = payload.get("from")
        if sender is None or sender == {}:
            self._refuse(
                "from.email",
                "The from object must be provided for every email send. It is an object that requires the email "
                f"parameter, but may also contain a name parameter.  e.g. {_EXAMPLE}.",
                "from",
            )
        elif self._is(sender, dict, "from", "from"):
            self._address(sender, "from", "from", "The from email does not contain a valid address.")

    def _address(self, value: dict[str, Any], field: str, anchor: str, message: str) -> str | None:
        """The address in an email object, None if it is refused."""
        self._known_fields(value, {"email", "name"}, f"{field}.")
        if value.get("name") is not None:
            self._is(value["name"], str, f"{field}.name", anchor)
        address = value.get("email")
        if address is None or address == "":
            self._refuse(f"{field}.email", f"The {anchor.rpartition('.')[2]} email parameter is required.", anchor)
        elif self._is(address, str, f"{field}.email", anchor):
            if is_address(address):
                return str(address)
            self._refuse(f"{field}.email", message, anchor)
        return None

    def _personalizations(self, payload: dict[str, Any]) -> None:
        entries = payload.get("personalizations")
        if entries is None or entries == []:
            self._problems.append(
                Problem(
                    "The personalizations field is required and must have at least one personalization.",
                    "personalizations",
                    f"{_HELP}#-Personalizations-Errors",
                )
            )
            return
        if not self._is(entries, list, "personalizations", "personalizations"):
            return
        if len(entries) > MOST_PERSONALIZATIONS:
            self._refuse(
                "personalizations",
                f"The personalization block is limited to {MOST_PERSONALIZATIONS} personalizations per API request. "
                f"You have provided {len(entries)} personalizations. Please consider splitting this into multiple "
                "requests and resending your request.",
                "personalizations",
            )
            return
        shared_args = self._strings(payload.get("custom_args"), "custom_args", _ARGS_ARE_STRINGS)
        recipients = 0
        for index, entry in enumerate(entries):
            field = f"personalizations.{index}"
            if self._is(entry, dict, field, "personalizations"):
                recipients += self._personalization(entry, field)
                self._custom_args(shared_args, entry, field)
        if recipients > MOST_RECIPIENTS:
            self._refuse(
                "personalizations",
                f"There is a limit of {MOST_RECIPIENTS} total recipients (to + cc + bcc) per request.",
                "personalizations",
            )

    def _personalization(self, entry: dict[str, Any], field: str) -> int:
        self._known_fields(entry, _PERSONALIZATION_FIELDS, f"{field}.")
        if not isinstance(entry.get("to"), list | None) or not entry.get("to"):
            self._refuse(
                f"{field}.to",
                "The to array is required for all personalization objects, and must have at least one email object "
                "with a valid email address.",
                "personalizations.to",
            )
        seen: set[str] = set()
        recipients = 0
        for kind in ("to", "cc", "bcc"):
            listed = entry.get(kind)
            if not listed or (kind == "to" and not isinstance(listed, list)):
                continue
            if self._is(listed, list, f"{field}.{kind}", f"personalizations.{kind}"):
                recipients += len(listed)
                self._recipients(listed, field, kind, seen)
        if "from" in entry and self._is(entry["from"], dict, f"{field}.from", "personalizations.from"):
            self._address(
                entry["from"],
                f"{field}.from",
                "personalizations.from",
                "The from email does not contain a valid address.",
            )
        if "subject" in entry and not (isinstance(entry["subject"], str) and entry["subject"]):
            self._refuse(
                f"{field}.subject",
                "The subject of your email must be a string at least one character in length.",
                "personalizations.subject",
            )
        self._headers(entry.get("headers"), f"{field}.headers")
        self._send_at(entry, f"{field}.")
        self._substitutions(entry, field)
        return recipients

    def _recipients(self, listed: list[Any], field: str, kind: str, seen: set[str]) -> None:
        anchor = f"personalizations.{kind}"
        for index, recipient in enumerate(listed):
            path = f"{field}.{kind}.{index}"
            if not self._is(recipient, dict, path, anchor):
                continue
            address = self._address(recipient, path, anchor, "Does not contain a valid address.")
            if address is None:
                continue
            if address.lower() in seen:
                self._refuse(
                    field,
                    "Each email address in the personalization block should be unique between to, cc, and bcc. We "
                    f"found the first duplicate instance of [{address}] in the {field}.{kind} field.",
                    "recipient-errors",
                )
            seen.add(address.lower())

    def _substitutions(self, entry: dict[str, Any], field: str) -> None:
        field = f"{field}.substitutions"
        substitutions = self._strings(
            entry.get("substitutions"),
            field,
            "The substitution values must be an object of key/value pairs, where the values are all strings.",
        )
        if _size(substitutions) > MOST_SUBSTITUTIONS_BYTES:
            self._refuse(
                field,
                f"The total size of your substitutions may not exceed {MOST_SUBSTITUTIONS_BYTES} bytes per "
                "personalization.",
                "personalizations.substitutions",
            )

    def _strings(self, value: object, field: str, message: str) -> dict[str, str]:
        """A map of strings, empty if there is none or it is refused."""
        if value is None:
            return {}
        if isinstance(value, dict) and all(isinstance(text, str) for text in value.values()):
            return value
        self._refuse(field, message, re.sub(r"\.\d+", "", field))
        return {}

    def _custom_args(self, shared: Mapping[str, str], entry: dict[str, Any], field: str) -> None:
        field = f"{field}.custom_args"
        if (
            _size({**shared, **self._strings(entry.get("custom_args"), field, _ARGS_ARE_STRINGS)})
            > MOST_CUSTOM_ARGS_BYTES
        ):
            self._refuse(
                field,
                "The combined size of both global and personalization custom arguments may not exceed "
                f"{MOST_CUSTOM_ARGS_BYTES:,} bytes per personalization.",
                "personalizations.custom_args",
            )

    def _subject(self, payload: dict[str, Any], templated: bool) -> None:
        subject = payload.get("subject")
        if subject is not None and subject != "":
            self._is(subject, str, "subject", "subject")
            return
        entries = payload.get("personalizations")
        each_has_one = isinstance(entries, list) and all(
            isinstance(entry, dict) and entry.get("subject") for entry in entries
        )
        if not templated and not each_has_one:
            self._refuse(
                "subject",
                "The subject is required. You can get around this requirement if you use a template with a subject "
                "defined or if every personalization has a subject defined.",
                "subject",
            )

    def _content(self, payload: dict[str, Any], templated: bool) -> None:
        blocks = payload.get("content")
        if blocks is None or blocks == []:
            if not templated:
                self._refuse(
                    "content",
                    "Unless a valid template_id is provided, the content parameter is required. There must be at least "
                    "one defined content block. We typically suggest both text/plain and text/html blocks are "
                    "included, but only one block is required.",
                    "content",
                )
            return
        if not self._is(blocks, list, "content", "content"):
            return
        types: list[str] = []
        for index, block in enumerate(blocks):
            field = f"content.{index}"
            if not self._is(block, dict, field, "content"):
                continue
            self._known_fields(block, {"type", "value"}, f"{field}.")
            kind = block.get("type")
            if not isinstance(kind, str) or not kind:
                self._refuse(
                    f"{field}.type",
                    "A content type is required, this tells email clients how to display the email."
                    if kind is None
                    else "Your content type must be a string with length of at least one character.",
                    "content.type",
                )
            elif re.search(r"[;,\r\n]", kind):
                self._refuse(f"{field}.type", "Cannot contain ';', or CRLF characters.", "content.type")
            else:
                types.append(kind)
            if not isinstance(block.get("value"), str) or not block["value"]:
                self._refuse(
                    f"{field}.value",
                    "The content value must be a string at least one character in length.",
                    "content.value",
                )
        if types != sorted(types, key=_content_order):
            self._refuse(
                "content",
                "Following RFC 1341, section 7.2, if either text/html or text/plain are to be sent in your email: "
                "text/plain needs to be first, followed by text/html, followed by any other content.",
                "content",
            )
        elif any(types.count(kind) > 1 for kind in ("text/plain", "text/html")):
            self._refuse("content", "If present, text/plain and text/html may only be provided once.", "content")

    def _attachments(self, payload: dict[str, Any]) -> None:
        attachments = payload.get("attachments")
        if attachments is None or not self._is(attachments, list, "attachments", "attachments"):
            return
        for index, attachment in enumerate(attachments):
            field = f"attachments.{index}"
            if self._is(attachment, dict, field, "attachments"):
                self._known_fields(
                    attachment, {"content", "type", "filename", "disposition", "content_id"}, f"{field}."
                )
                self._attachment(attachment, field)

    def _attachment(self, attachment: dict[str, Any], field: str) -> None:
        content = attachment.get("content")
        if not isinstance(content, str) or not content:
            self._refuse(
                f"{field}.content",
                "The attachment content must be a string at least one character in length.",
                "attachments.content",
            )
        elif not _is_base64(content):
            self._refuse(f"{field}.content", "The attachment content must be base64 encoded.", "attachments.content")
        filename = attachment.get("filename")
        if filename is None or filename == "":
            self._refuse(f"{field}.filename", "The filename is required.", "attachments.filename")
        elif not isinstance(filename, str):
            self._refuse(
                f"{field}.filename", "The filename of your attachment must be a string.", "attachments.filename"
            )
        elif re.search(r"[\r\n]", filename):
            self._refuse(
                f"{field}.filename",
                "The filename of your attachment cannot contain CRLF characters.",
                "attachments.filename",
            )
        kind = attachment.get("type")
        if kind is not None and (not isinstance(kind, str) or not kind):
            self._refuse(
                f"{field}.type",
                "The attachment type must be a string and at least one character in length.",
                "attachments.type",
            )
        elif kind is not None and re.search(r"[;,\r\n]", kind):
            self._refuse(f"{field}.type", "The type cannot contain ';', or CRLF characters.", "attachments.type")
        disposition = attachment.get("disposition")
        if disposition is not None and disposition not in ("inline", "attachment"):
            self._refuse(
                f"{field}.disposition",
                'The disposition of your attachment can be either "inline" or "attachment". '
                f"You provided {_shown(disposition)}.",
                "attachments.disposition",
            )
        content_id = attachment.get("content_id")
        if content_id is not None and not isinstance(content_id, str):
            self._refuse(
                f"{field}.content_id",
                f"The content ID of your attachment must be a string. You provided {_shown(content_id)}.",
                "attachments.content_id",
            )
        elif content_id is not None and re.search(r"[\r\n]", content_id):
            self._refuse(
                f"{field}.content_id",
                "The content ID of your attachment cannot contain CRLF characters.",
                "attachments.content_id",
            )

    def _categories(self, payload: dict[str, Any]) -> None:
        categories = payload.get("categories")
        if categories is None:
            return
        if not isinstance(categories, list) or not all(isinstance(category, str) for category in categories):
            self._refuse("categories", "Categories must be an array of strings.", "categories")
            return
        if len(categories) > MOST_CATEGORIES:
            self._refuse(
                "categories",
                f"There is a limit of {MOST_CATEGORIES} categories for each email that is sent. "
                f"You provided {len(categories)} categories.",
                "categories",
            )
        seen: set[str] = set()
        for index, category in enumerate(categories):
            field = f"categories.{index}"
            if len(category) > LONGEST_CATEGORY:
                self._refuse(
                    field,
                    f"Each category must not be longer than {LONGEST_CATEGORY} characters. "
                    f"{category} exceeds this limit.",
                    "categories",
                )
            elif not category.isascii():
                self._refuse(field, "Categories can not contain non-ASCII characters.", "categories")
            elif category in seen:
                self._refuse(
                    field,
                    f"The categories must be a unique list, and you have included {category} more than once.",
                    "categories",
                )
            seen.add(category)

    def _headers(self, headers: object, field: str) -> None:
        seen: set[str] = set()
        for name in self._strings(headers, field, "The header values must be strings."):
            if not re.fullmatch(r"[\x21-\x39\x3b-\x7e]+", name):
                self._refuse(field, "Header keys cannot contain non-ASCII characters and empty spaces.", "headers")
            elif name.lower() in RESERVED_HEADERS:
                self._refuse(f"{field}.{name}", "Header can not be one of the reserved keys.", "headers")
            elif name.lower() in seen:
                self._refuse(f"{field}.{name}", "The headers cannot contain duplicate keys.", "headers")
            seen.add(name.lower())

    def _reply_to(self, payload: dict[str, Any]) -> None:
        message = "The reply_to email does not contain a valid address."
        if "reply_to" in payload and self._is(payload["reply_to"], dict, "reply_to", "reply_to"):
            self._address(payload["reply_to"], "reply_to", "reply_to", message)
        listed = payload.get("reply_to_list")
        if listed is None or not self._is(listed, list, "reply_to_list", "reply_to_list"):
            return
        if "reply_to" in payload:
            self._refuse("reply_to_list", "Only one of reply_to or reply_to_list may be provided.", "reply_to_list")
        for index, entry in enumerate(listed):
            field = f"reply_to_list.{index}"
            if self._is(entry, dict, field, "reply_to_list"):
                self._address(entry, field, "reply_to_list", message)

    def _send_at(self, holder: dict[str, Any], path: str) -> None:
        if "send_at" not in holder:
            return
        send_at = holder["send_at"]
        anchor = f"{'personalizations.' if path else ''}send_at"
        if not isinstance(send_at, int) or isinstance(send_at, bool):
            self._refuse(
                f"{path}send_at",
                "The send_at param is expecting a UNIX timestamp as an integer. We will send immediately if you "
                "include a send_at timestamp that is in the past.",
                anchor,
            )
        elif send_at > (self._now + FURTHEST_SEND_AT).timestamp():
            self._refuse(f"{path}send_at", "Scheduling more than 72 hours in advance is forbidden.", anchor)

    def _asm(self, payload: dict[str, Any]) -> None:
        asm = payload.get("asm")
        if asm is None or not self._is(asm, dict, "asm", "asm"):
            return
        self._known_fields(asm, {"group_id", "groups_to_display"}, "asm.")
        if not isinstance(asm.get("group_id"), int) or isinstance(asm["group_id"], bool):
            self._refuse("asm.group_id", "The ASM group ID must be an integer.", "asm.group_id")
        groups = asm.get("groups_to_display")
        if groups is None:
            return
        if not isinstance(groups, list) or any(
            not isinstance(group, int) or isinstance(group, bool) for group in groups
        ):
            self._refuse(
                "asm.groups_to_display",
                "The ASM Group IDs to display must be an array of integers.",
                "asm.groups_to_display",
            )
        elif len(groups) > MOST_GROUPS_TO_DISPLAY:
            self._refuse(
                "asm.groups_to_display",
                f"There is a limit of {MOST_GROUPS_TO_DISPLAY} unsubscribe groups that can be displayed to a user at a "
                "time.",
                "asm.groups_to_display",
            )

    def _settings(self, payload: dict[str, Any]) -> None:
        for holder, settings in _SETTINGS.items():
            given = payload.get(holder)
            if given is None or not self._is(given, dict, holder, holder):
                continue
            self._known_fields(given, set(settings), f"{holder}.")
            for name, fields in settings.items():
                setting = given.get(name)
                field = f"{holder}.{name}"
                if setting is None or not self._is(setting, dict, field, field):
                    continue
                self._known_fields(setting, set(fields), f"{field}.")
                for key, kind in fields.items():
                    if setting.get(key) is not None:
                        self._is(setting[key], kind, f"{field}.{key}", f"{field}.{key}")


_JSON_TYPES = {str: "string", dict: "object", list: "array", int: "integer", bool: "boolean"}

_SWITCH = {"enable": bool}
_SETTINGS: Mapping[str, Mapping[str, Mapping[str, type]]] = {
    "mail_settings": {
        "bypass_list_management": _SWITCH,
        "bypass_spam_management": _SWITCH,
        "bypass_bounce_management": _SWITCH,
        "bypass_unsubscribe_management": _SWITCH,
        "footer": {"enable": bool, "text": str, "html": str},
        "sandbox_mode": _SWITCH,
        "bcc": {"enable": bool, "email": str},
        "spam_check": {"enable": bool, "threshold": int, "post_to_url": str},
    },
    "tracking_settings": {
        "click_tracking": {"enable": bool, "enable_text": bool},
        "open_tracking": {"enable": bool, "substitution_tag": str},
        "subscription_tracking": {"enable": bool, "text": str, "html": str, "substitution_tag": str},
        "ganalytics": {
            "enable": bool,
            "utm_source": str,
            "utm_medium": str,
            "utm_term": str,
            "utm_content": str,
            "utm_campaign": str,
        },
    },
}


def _json_type(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return _JSON_TYPES.get(type(value), "number")


def _content_order(kind: str) -> int:
    return {"text/plain": 0, "text/html": 1}.get(kind.lower(), 2)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _size(value: Mapping[str, Any]) -> int:
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass"))


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def error_body(problems: Sequence[Problem]) -> dict[str, Any]:
    """The body of an answer that refuses."""
    return {"errors": [{"message": each.message, "field": each.field, "help": each.help} for each in problems]}
