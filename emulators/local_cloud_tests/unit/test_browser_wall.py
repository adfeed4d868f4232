"""Which requests could come from a web page."""

import pytest

from local_cloud.browser_wall import find_refusal

OWN = {"Host": "127.0.0.1:8470"}
NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


def refusal(headers: dict[str, str], method: str = "GET") -> str | None:
    return find_refusal(method, headers.get)


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8470", "LOCALHOST:1", "127.0.0.1", "127.0.0.2:80", "[::1]:8470", "inbox.localhost"]
)
def test_names_of_this_machine(host: str) -> None:
    assert refusal({"Host": host}) is None


@pytest.mark.parametrize(
    "host",
    [
        *("", "evil.example", "evil.example:8470", "127.0.0.1.evil.example", "localhost.evil.example", "evillocalhost"),
        *("localhost@evil.example", "evil.example#localhost", "0.0.0.0:8470", "10.0.0.1", "[::2]", "127.0.0.1:x"),
        *("127.0.0.1\n", "127.0.0.1, evil.example"),
    ],
)
def test_other_names(host: str) -> None:
    assert "Host" in (refusal({"Host": host}) or "")


def test_no_name() -> None:
    assert "Host" in (refusal({}) or "")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_its_own_pages(method: str) -> None:
    for site in ("same-origin", "none"):
        assert refusal({**OWN, "Sec-Fetch-Site": site}, method) is None
    assert refusal({**OWN, "Origin": "http://127.0.0.1:8470", "Sec-Fetch-Site": "same-origin"}, method) is None


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", "null", "", "http://127.0.0.1", "http://127.0.0.1:8471", "http://localhost:8470"),
        *("https://127.0.0.1:8470", "http://127.0.0.1:8470.evil.example", "http://evil.example:8470"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_origins(origin: str, method: str) -> None:
    assert "Origin" in (refusal({**OWN, **NAVIGATION, "Origin": origin}, method) or "")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "unheard-of", ""])
def test_other_sites(site: str) -> None:
    for mode in ("no-cors", "cors", "websocket"):
        assert "Sec-Fetch-Site" in (refusal({**OWN, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}) or "")
    assert "Sec-Fetch-Site" in (refusal({**OWN, "Sec-Fetch-Site": site}) or "")
    # A form that is posted, and a page in a frame, are navigations as well.
    assert refusal({**OWN, **NAVIGATION, "Sec-Fetch-Site": site}, "POST") is not None
    assert refusal({**OWN, **NAVIGATION, "Sec-Fetch-Dest": "iframe", "Sec-Fetch-Site": site}) is not None


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_from_elsewhere_opens_a_page(site: str) -> None:
    assert refusal({**OWN, **NAVIGATION, "Sec-Fetch-Site": site}) is None
