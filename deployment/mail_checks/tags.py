"""The tags of a DKIM or DMARC record, such as `v=DMARC1; p=none`.

https://www.rfc-editor.org/rfc/rfc6376#section-3.2
https://www.rfc-editor.org/rfc/rfc9989#section-4.8
"""


def tags_of(text: str) -> dict[str, str]:
    """The tags of a record, in order. Of two with the same name the first counts."""
    tags: dict[str, str] = {}
    for part in text.split(";"):
        name, sign, value = part.partition("=")
        if sign:
            tags.setdefault(name.strip(), value.strip())
    return tags
