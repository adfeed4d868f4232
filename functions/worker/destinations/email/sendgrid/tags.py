"""Tags that SendGrid would replace in an email, made inert in what users and their applications wrote.

SendGrid puts links out of its lists in place of `<%asm_group_unsubscribe_raw_url%>` and its like, wherever they
stand in an email, and in place of the bracketed tag that subscription tracking is set to, such as `[unsubscribe]`.
The other tags that it knows, `-name-` and `{{name}}`, it replaces only by what a request gives for them and in its own
templates. The worker's requests give nothing but the email's own unsubscribe links (email/unsubscribe_link.py), and
name no template.
https://www.twilio.com/docs/sendgrid/ui/sending-email/group-unsubscribes
https://www.twilio.com/docs/sendgrid/api-reference/settings-tracking/update-subscription-tracking-settings
https://www.twilio.com/docs/sendgrid/for-developers/sending-email/substitution-tags
https://www.twilio.com/docs/sendgrid/for-developers/sending-email/using-handlebars
"""

import re

from markupsafe import Markup

GROUP_LINK = Markup("<%asm_group_unsubscribe_raw_url%>")
"""SendGrid puts the recipient's own link out of the unsubscribe group in its place. Not to be escaped, or SendGrid
would not find it. https://www.twilio.com/docs/sendgrid/ui/sending-email/group-unsubscribes"""

_TAG = re.compile(r"<(?=%)|%(?=>)|\[(?=[^\[\]]*(?:unsubscribe|weblink)[^\[\]]*\])", re.IGNORECASE)


def inert(text: str) -> str:
    """The text with a space in each tag, which makes it one that SendGrid does not know: `< %name% >`."""
    return _TAG.sub(lambda match: f"{match[0]} ", text)
