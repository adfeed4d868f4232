"""What SendGrid's published API description says about the body of mail send, as a JSON Schema.

Stricter than the original in one point: what it does not mention is refused, as the service does.
https://github.com/twilio/sendgrid-oai (tsg_mail_v3, PostMailSend)
"""

from typing import Any

TEXT = {"type": "string"}
SOME_TEXT = {"type": "string", "minLength": 1}
SWITCH = {"type": "boolean"}
ADDRESS = {"type": "string", "format": "email"}


def fields(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    """An object with these fields and no others. A name that is a word of Python has a `_` behind it."""
    named = {name.rstrip("_"): schema for name, schema in properties.items()}
    return {"type": "object", "required": list(required), "properties": named, "additionalProperties": False}


def several(items: Any, most: int | None = None, **rules: Any) -> dict[str, Any]:
    """An array."""
    return {"type": "array", "items": items, **({} if most is None else {"maxItems": most}), **rules}


PARTY = fields(required=("email",), email=ADDRESS, name=TEXT)
TEXT_MAP = {"type": "object", "additionalProperties": TEXT}

PERSONALIZATION = fields(
    required=("to",),
    from_=PARTY,
    to=several(PARTY, minItems=1),
    cc=several(PARTY, 1000),
    bcc=several(PARTY, 1000),
    subject=SOME_TEXT,
    headers=TEXT_MAP,
    substitutions={**TEXT_MAP, "maxProperties": 10_000},
    dynamic_template_data={"type": "object"},
    custom_args={**TEXT_MAP, "maxProperties": 10_000},
    send_at={"type": "integer"},
)
ATTACHMENT = fields(
    required=("content", "filename"),
    content={**SOME_TEXT, "pattern": r"^[A-Za-z0-9+/]+={0,2}$"},
    type=SOME_TEXT,
    filename=TEXT,
    disposition={"enum": ["inline", "attachment"]},
    content_id=TEXT,
)
MAIL_SETTINGS = fields(
    bypass_list_management=fields(enable=SWITCH),
    bypass_spam_management=fields(enable=SWITCH),
    bypass_bounce_management=fields(enable=SWITCH),
    bypass_unsubscribe_management=fields(enable=SWITCH),
    footer=fields(enable=SWITCH, text=TEXT, html=TEXT),
    sandbox_mode=fields(enable=SWITCH),
)
TRACKING_SETTINGS = fields(
    click_tracking=fields(enable=SWITCH, enable_text=SWITCH),
    open_tracking=fields(enable=SWITCH, substitution_tag=TEXT),
    subscription_tracking=fields(enable=SWITCH, text=TEXT, html=TEXT, substitution_tag=TEXT),
    ganalytics=fields(
        enable=SWITCH, utm_source=TEXT, utm_medium=TEXT, utm_term=TEXT, utm_content=TEXT, utm_campaign=TEXT
    ),
)

MAIL_SEND = fields(
    required=("personalizations", "from"),
    personalizations=several(PERSONALIZATION, 1000, minItems=1),
    from_=PARTY,
    reply_to=PARTY,
    reply_to_list=several(PARTY, 1000, uniqueItems=True),
    subject=SOME_TEXT,
    content=several(fields(required=("type", "value"), type=SOME_TEXT, value=SOME_TEXT)),
    attachments=several(ATTACHMENT),
    template_id=TEXT,
    headers=TEXT_MAP,
    categories=several({"type": "string", "maxLength": 255}, 10, uniqueItems=True),
    custom_args=TEXT,
    send_at={"type": "integer"},
    batch_id=TEXT,
    asm=fields(
        required=("group_id",), group_id={"type": "integer"}, groups_to_display=several({"type": "integer"}, 25)
    ),
    ip_pool_name={"type": "string", "minLength": 2, "maxLength": 64},
    mail_settings=MAIL_SETTINGS,
    tracking_settings=TRACKING_SETTINGS,
)
