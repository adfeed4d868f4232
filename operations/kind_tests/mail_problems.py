"""What is wrong with an email, whatever it reports. Pure."""

import io
import mimetypes
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Mapping
from html import unescape
from html.parser import HTMLParser

from operations.mail_checks.html_check import Finding, check_html
from operations.previews.preview import Mail
from report_kit.rendering import MOST_HTML_BYTES

_MOST_IMAGE_BYTES = 100_000
_TEXT_COLUMNS = 72
_VALUE = re.compile(r'class="value[^>]*>([^<]+)<')

_IS_A: Mapping[str, Callable[[bytes], bool]] = {
    "text/csv": lambda content: b"\0" not in content,
    "application/pdf": lambda content: content.startswith(b"%PDF-"),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": lambda content: zipfile.is_zipfile(
        io.BytesIO(content)
    ),
}


def mail_problems(mail: Mail, language: str) -> Iterator[str]:
    """Say what is wrong with an email, and what to do about it.

    Args:
        language: that it is written in, as BCP 47.
    """
    sent = mail.with_link(mail.recipients[0].unsubscribe_url)
    if not mail.subject:
        yield "The subject is empty. Say in it what the report is, and its headline."
    content_ids = {image.content_id for image in mail.images}
    if len(mail.html.encode()) > MOST_HTML_BYTES:
        yield (
            f"The HTML has more than {MOST_HTML_BYTES // 1000} kB: Gmail would cut off its end, and the link to "
            "unsubscribe with it. Show less; lists among the report's values are cut by themselves."
        )
    else:
        yield from map(_in_a_line, check_html(sent.html, text=sent.text, content_ids=content_ids).problems)
    if sum(len(image.content) for image in mail.images) > _MOST_IMAGE_BYTES:
        yield f"The pictures have more than {_MOST_IMAGE_BYTES // 1000} kB. Make them smaller."
    yield from _picture_problems(_Page(sent.html), content_ids, language)
    yield from _text_problems(sent)
    yield from _attachment_problems(mail)


def _in_a_line(finding: Finding) -> str:
    lacking = f" is unknown to {finding.lacking}." if finding.lacking else ""
    return f"{finding.what}{lacking} {finding.advice}"


class _Page(HTMLParser):
    """The language of a page, and its pictures."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.language = ""
        self.texts: dict[str, str] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = given.get("lang", "")
        elif tag == "img" and (source := given.get("src", "")).startswith("cid:"):
            # The HTML check tells of a picture without the attribute.
            self.texts[source.removeprefix("cid:")] = given.get("alt", "none").strip()


def _picture_problems(page: _Page, content_ids: set[str], language: str) -> Iterator[str]:
    if page.language and page.language != language:
        yield f'The HTML part says lang="{page.language}". Write <mjml lang="{{{{ language.tag }}}}">.'
    for content_id in sorted(content_ids):
        if content_id not in page.texts:
            yield f'The HTML part does not show the picture {content_id}. Write <mj-image src="cid:{content_id}" …>.'
        elif not page.texts[content_id]:
            yield f"The picture {content_id} has no alternative text. Say in alt what there is to see in it."


def _text_problems(mail: Mail) -> Iterator[str]:
    long = (line for line in mail.text.splitlines() if _columns(line) > _TEXT_COLUMNS and "://" not in line)
    if next(long, None):
        yield f"A line of the text part has more than {_TEXT_COLUMNS} columns. Write {{{{ … | wrapped }}}}."
    text = " ".join(mail.text.split())
    # As the text part is compared: an amount in German has a space in it at which no line may break.
    values = (" ".join(unescape(value).split()) for value in _VALUE.findall(mail.html))
    if text and not all(value in text for value in values):
        yield "The text part lacks a figure of the HTML part. Write all of them into report.txt."


def _columns(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in line)


def _attachment_problems(mail: Mail) -> Iterator[str]:
    for each in mail.attachments:
        if mimetypes.guess_type(each.filename)[0] not in {each.media_type, None}:
            yield f"The attachment {each.filename} has the media type {each.media_type}. Make the two agree."
        elif not _IS_A.get(each.media_type, bool)(each.content):
            yield f"The attachment {each.filename} holds something else than {each.media_type}."
