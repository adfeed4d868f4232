"""Forms of other websites, by the headers that browsers send with them."""

import pytest

from functions.preferences.own_form import is_own_form

OWN = "https://reports.example.com"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": OWN},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": f"{OWN}.evil.example"},
        {"Origin": "http://reports.example.com"},
        {"Origin": f"{OWN}:8443"},
        {"Origin": ""},
    ],
)
def test_forms_of_other_websites_are_refused(headers: dict[str, str]) -> None:
    assert not is_own_form(headers, [OWN, "https://reports.acme.example"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": OWN},
        {"Origin": "https://reports.acme.example"},
        {},
    ],
)
def test_the_pages_own_forms_are_taken(headers: dict[str, str]) -> None:
    assert is_own_form(headers, [OWN, "https://reports.acme.example"])
