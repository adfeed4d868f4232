"""What the HTML check finds in an email."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from operations.mail_checks.features import in_words
from operations.mail_checks.html_check import GMAIL_SHOWS_BYTES, HtmlCheck, check_html

PAGE = '<!doctype html><html lang="en"><head><title>Report</title>{head}</head>{body}</html>'


def check(body: str = "", *, head: str = "", text: str | None = "Report", files: tuple[str, ...] = ()) -> HtmlCheck:
    return check_html(PAGE.format(head=head, body=body), text=text, content_ids=files)


def whats(found: HtmlCheck) -> list[str]:
    return [each.what for each in found.problems]


def test_a_plain_page_has_no_problem() -> None:
    body = """
    <p>Hello</p><a href="https://example.com/">in</a><a href="#top">up</a><a href="mailto:a@example.com">write</a>
    <a href="http://127.0.0.1:8479/x">the local cloud's own page</a>
    <img src="cid:chart" alt=""><table width="600" style="max-width: 700px; width: 100%"></table>
    <!--[if mso]><table width="900"><img src="x"><![endif]-->
    """
    found = check(body, files=("chart",))
    assert (whats(found), found.differences) == ([], ())


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (
            "<img src='cid:chart'><img src='cid:chart'><img src='cid:chart' alt='x'>",
            "2 pictures have no attribute alt.",
        ),
        ("<img src='cid:x%2by' alt=''>", "Pictures name files that did not come with the email: x+y."),
        ("<img src='data:image/png;base64,x' alt=''>", "1 picture is written into the HTML (data:)."),
        ("<img src='http://example.com/logo.png' alt=''>", "Without https: http://example.com/logo.png."),
        ("<a href='http://a.example'></a>" * 2, "Without https: http://a.example."),
        ("".join(f"<a href='/{n}'></a>" for n in range(5)), "Links lead nowhere: /0, /1, /2 and 2 more."),
        ("<a href=''></a>", "Links lead nowhere: (empty)."),
        ("<td width='700px'></td>", "Something is 700 pixels wide."),
        ("<div style='color: red; min-width:601.5px'></div>", "Something is 601 pixels wide."),
        ("<script>x()</script><p onclick='x()'></p><a href='JavaScript:x()'></a>", "3 scripts are in the email."),
        ("<body><style>p { color: red }</style></body>", "1 <style> is in the body."),
        (f"<style>{'p { color: red }' * 1_100}</style>", "A <style> has 17 kB."),
        ("x" * GMAIL_SHOWS_BYTES, "The HTML has 102 kB."),
        (f"<style>{'@media x{' * 5_000}</style>", "The HTML is malformed."),
    ],
)
def test_a_problem_is_named(body: str, what: str) -> None:
    assert what in whats(check(body, files=("chart",)))


def test_what_pythons_parser_refuses_is_malformed() -> None:
    body = "<![x["
    # For newer releases of Python this is a comment, as it is for browsers; older ones raise an error.
    try:
        HTMLParser().feed(body)
    except AssertionError:
        expected = ["The HTML is malformed."]
    else:
        expected = []
    assert whats(check(body, files=("chart",))) == expected


def test_what_is_missing_is_named() -> None:
    found = check_html("<p>Hello</p>", text="  ", content_ids=())
    assert whats(found) == ["There is no text part.", "The page does not say its language.", "The page has no title."]
    assert whats(check_html(None, text="Report", content_ids=())) == []


@pytest.mark.parametrize(
    ("body", "feature", "lacking"),
    [
        ("<p style='position: absolute'>", "position", "Gmail, Outlook (Windows, iOS)"),
        ("<p style='display: flex'>", "display: flex", "Outlook (Windows)"),
        ("<p style='left: 0'>", "left, right, top and bottom", "Gmail, Outlook (Windows), Yahoo"),
        ("<p style='height: calc(1px + 1px)'>", "calc()", "Outlook, Yahoo"),
        ("<p style='--x: 1px; color: var(--x)'>", "variables", ""),
        ("<p style='margin-inline-start: 1px'>", "margin-inline-start-end", ""),
        ("<p style='border-inline-color: red'>", "border-inline-block", ""),
        ("<p style='background: linear-gradient(red, blue)'>", "linear-gradient", ""),
        ("<style>a:hover::before { color: red }</style>", ":hover", ""),
        ("<style>a:hover::before { color: red }</style>", "::before", ""),
        ("<video></video>", "<video>", "Gmail, Outlook (Windows, web, iOS, Android), Yahoo"),
        ("<input type='checkbox'>", "input checkbox", ""),
        ("<!--[if !mso]><!--><video></video><!--<![endif]-->", "<video>", ""),
    ],
)
def test_what_mail_programs_do_not_know_is_named(body: str, feature: str, lacking: str) -> None:
    [found] = [each for each in check(body).problems if each.what == feature]
    assert found.url.startswith("https://www.caniemail.com/features/")
    assert found.lacking == lacking if lacking else found.lacking


def test_what_a_mail_does_without_is_no_problem() -> None:
    font = "<style>@font-face { src: url(x) }</style>"
    found = check(f'{font}<img src="https://example.com/logo.png" alt="Logo" style="border-radius: 8px">')
    assert whats(found) == []
    assert [each.what for each in found.differences] == [
        "1 picture is on another server.",
        "@font-face",
        "border-radius",
        "<style>",
    ]


def test_a_feature_has_a_name_that_people_write() -> None:
    assert in_words("html-aria-label") == "the attribute aria-label"
    assert in_words("css-at-media-prefers-color-scheme") == "@media (prefers-color-scheme)"
    assert in_words("css-selector-adjacent-sibling") == "adjacent-sibling selectors"


@settings(deadline=None)
@given(st.text(alphabet="<>!-[]{}()@:;=#\"'/ acdeistyl0%&\\", max_size=80))
def test_no_page_stops_it(page: str) -> None:
    check_html(page, text=None, content_ids=())
    check_html(f'<style>{page}</style><p style="{page}">', text=None, content_ids=())
