"""The unsubscribe link in the body of a mail: a tag, since each recipient has a link of their own and the body is one.

The provider puts each recipient's link in place of the tag. There is one tag for each part, since a link is escaped
in HTML and stands as it is in plain text.
"""

import re

from markupsafe import Markup, escape

IN_TEXT = Markup("-recipient_unsubscribe_url-")
"""The tag in the plain part. Markup, so that rendering keeps it as it is. No character of a tag means anything in HTML,
and it has the form that providers advise.
https://www.twilio.com/docs/sendgrid/for-developers/sending-email/substitution-tags"""

IN_HTML = Markup("-recipient_unsubscribe_url_html-")
"""The tag in the HTML part."""

_TAG = re.compile(r"recipient_(?=unsubscribe_url)", re.IGNORECASE)


def substitutions(link: str) -> dict[str, str]:
    """What stands in place of each tag in a recipient's email.

    Args:
        link: a URL; markup is taken to be escaped already.
    """
    return {str(IN_TEXT): str(link), str(IN_HTML): str(escape(link))}


def inert(text: str) -> str:
    """The text without a tag in it: a space in its middle keeps it from becoming one wherever the text stands."""
    # The cheapest check comes first: every value of a report passes through here.
    return _TAG.sub(r"\g<0> ", text) if "unsubscribe_url" in text.casefold() else text
