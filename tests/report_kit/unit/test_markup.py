"""Compiled HTML, smaller and mirrored."""

import pytest

from report_kit.markup import mirrored, smaller


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<td style="font-family:inherit;color: red ; padding:0  1px;">', '<td style="color:red;padding:0 1px">'),
        ('<td style="font-family:inherit;">', "<td>"),
        ('<td style="width:{{ a if b else c }}%;color:red">', '<td style="width:{{ a if b else c }}%;color:red">'),
        ('<td style="{% if a %}color:inherit;{% endif %}">', '<td style="{% if a %}color:inherit;{% endif %}">'),
        ('<td align="left" vertical-align="middle">', '<td align="left">'),
        ("<tr>\n  <td>a  b</td>\n  <td>c</td>\n</tr>", "<tr><td>a  b</td><td>c</td></tr>"),
        ("<b>a</b>\n   <i>b</i>", "<b>a</b>\n<i>b</i>"),
        (
            '<style type="text/css">\n.a > b, c { color: {{ brand.color }} !important; }\n</style>',
            "<style>.a>b,c{color:{{ brand.color }}!important}</style>",
        ),
        (
            "<style>@media (max-width: 479px) { a b { x: 0 }  }</style>",
            "<style>@media (max-width:479px){a b{x:0}}</style>",
        ),
    ],
)
def test_what_means_nothing_is_left_out(html: str, expected: str) -> None:
    assert smaller(html) == expected


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<td align="left">', '<td align="right">'),
        ('<td style="text-align:right;direction:ltr">', '<td style="text-align:left;direction:rtl">'),
        ('<td style="padding:1px 2px 3px 4px;color:red">', '<td style="padding:1px 4px 3px 2px;color:red">'),
        ('<td style="padding:1px 2px;border-left:4px solid">', '<td style="padding:1px 2px;border-right:4px solid">'),
        ("<style>a{padding-left:1px}</style>", "<style>a{padding-right:1px}</style>"),
        # A word of the report is none of the page.
        ("<td>left {{ left }}</td>", "<td>left {{ left }}</td>"),
    ],
)
def test_what_is_on_the_left_goes_to_the_right_and_back(html: str, expected: str) -> None:
    assert mirrored(html) == expected
