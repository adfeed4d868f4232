"""Whose email it is, and colors that can be told apart."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from functions.shared.mail.brand import DARK_GROUND, PLAIN, Brand
from functions.shared.mail.color import GRAPHIC, TEXT, WHITE, contrast
from functions.shared.settings import MailSettings
from tests.functions.worker.unit.samples import mail
from tests.mails.made import mail_of

OURS = Brand(
    name="Ours", logo_url="https://example.com/logo.png", url="https://app.example.com/?a=1&b=2", color="#0a7d38"
)
colors = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(colors)
def test_whatever_the_color_is_everything_in_it_can_be_read(color: str) -> None:
    brand = Brand(color=color)
    assert contrast(brand.on_color, color) >= TEXT
    assert contrast(brand.text_color, WHITE) >= TEXT
    assert contrast(brand.dark_text_color, DARK_GROUND) >= TEXT
    assert min(contrast(brand.graphic_color, ground) for ground in (WHITE, DARK_GROUND)) >= GRAPHIC


def test_a_color_that_can_be_read_stays_as_it_is() -> None:
    assert (Brand(color="#0a5d28").text_color, Brand(color="#3b82f6").graphic_color) == ("#0a5d28", "#3b82f6")


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [("#000000", "#ffffff", 21), ("#ffffff", "#ffffff", 1), ("#777777", "#ffffff", 4.48), ("#ff0000", "#000000", 5.25)],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == contrast(other, one) == pytest.approx(ratio, abs=0.01)


def test_a_deployment_says_it_by_settings() -> None:
    given = {"brand_name": "Acme", "brand_color": "#ABCDEF", "brand_url": "https://acme.example/"}
    settings = MailSettings(mail_from="a@b.example", **given)  # type: ignore[arg-type]  # as from the environment
    assert Brand.from_settings(settings) == Brand(name="Acme", color="#abcdef", url="https://acme.example/")
    assert (
        Brand.from_settings(MailSettings(mail_from="a@b.example", mail_from_name="Acme Reports")).name == "Acme Reports"
    )


@pytest.mark.parametrize(
    "setting",
    [
        {"brand_color": "blue"},
        {"brand_color": "#12345"},
        {"brand_url": "http://example.com"},
        {"brand_url": "https://"},
        {"brand_logo_url": "https://example.com/a b.png"},
        {"brand_logo_url": 'https://example.com/"onerror="x'},
    ],
)
def test_a_setting_that_no_mail_can_show_is_refused(setting: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        MailSettings(mail_from="a@b.example", **setting)  # type: ignore[arg-type]  # as from the environment


@pytest.mark.parametrize(
    ("document", "brand", "unusable"),
    [
        ({}, OURS, ()),
        ({"brand": None}, OURS, ()),
        ({"brand": {}}, OURS, ()),
        ({"brand": {"color": "#FF0000"}}, OURS._replace(color="#ff0000"), ()),
        # Somebody else's name does not stand for our logo.
        ({"brand": {"name": "Theirs"}}, OURS._replace(name="Theirs", logo_url=""), ()),
        ({"brand": 7}, OURS, ("brand",)),
        # The name of a brand: this one.
        ({"brand": "theirs"}, OURS, ()),
        ({"brand": {"font": "Georgia,  serif"}}, OURS._replace(font="Georgia, serif"), ()),
        ({"brand": {"font": "x'}", "font_url": "http://x/f.woff2"}}, OURS, ("brand.font", "brand.font_url")),
        ({"brand": {"color": "red", "url": 7}}, OURS, ("brand.url", "brand.color")),
        ({"brand": {"name": "see https://evil.example"}}, OURS, ("brand.name",)),
        (
            {"brand": {"url": "javascript:alert(1)", "logo_url": "http://x/y.png"}},
            OURS,
            ("brand.logo_url", "brand.url"),
        ),
        ({"brand": {"color": "#ff00000"}}, OURS, ("brand.color",)),
        # What would mean something in the policy of the recipient's page, or looks like another host.
        ({"brand": {"logo_url": "https://evil.example;sandbox/"}}, OURS, ("brand.logo_url",)),
        ({"brand": {"logo_url": "https://evil.example,default-src/"}}, OURS, ("brand.logo_url",)),
        ({"brand": {"url": "https://app.example.com@evil.example/"}}, OURS, ("brand.url",)),
        (
            {"brand": {"url": "https://[::1]/", "logo_url": "https://a.example:x/"}},
            OURS,
            ("brand.logo_url", "brand.url"),
        ),
        (
            {"brand": {"logo_url": "https://a_b.example:8443/l.png"}},
            OURS._replace(logo_url="https://a_b.example:8443/l.png"),
            (),
        ),
    ],
)
def test_a_tenant_has_what_can_be_used_of_its_own(document: Any, brand: Brand, unusable: Any) -> None:
    assert OURS.of_tenant(document) == (brand, unusable)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just("https://[x"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


@given(values | st.dictionaries(st.sampled_from(["name", "logo_url", "url", "color"]), values | colors, max_size=4))
def test_no_document_breaks_the_brand(value: Any) -> None:
    brand, _ = OURS.of_tenant({"brand": value})
    assert contrast(brand.on_color, brand.color) >= TEXT
    assert brand.url.startswith("https://")


def test_a_mail_shows_the_brand_and_leads_to_the_product() -> None:
    made = mail_of("activity", {}, brand=OURS)
    assert '<img src="https://example.com/logo.png" alt="Ours" height="28"' in made.html
    assert made.html.count('href="https://app.example.com/?a=1&amp;b=2"') == 2
    assert "Open Ours:\nhttps://app.example.com/?a=1&b=2\n" in made.text
    assert "Open Ours" in made.html


def test_without_a_brand_a_mail_has_no_link_and_no_empty_place() -> None:
    made = mail("activity", {})
    assert PLAIN.name == ""
    assert 'class="brand"' not in made.html
    assert "<a " not in made.html


def test_a_field_that_cannot_be_used_is_named_in_the_log_and_the_mail_goes_out() -> None:
    with capture_logs() as log:
        made = mail("activity", {}, of={"brand": {"name": "Theirs", "color": "mauve"}})
    assert ">Theirs</span>" in made.html
    assert [(entry["event"], entry["fields"]) for entry in log] == [("brand_field_unusable", ["brand.color"])]
    assert "mauve" not in str(log)
