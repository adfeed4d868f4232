"""What emails are beside what `./reports test` asks of every kind: without a browser."""

from functions.shared.mail.brand import Brand
from operations.kind_tests.mail_problems import mail_problems
from operations.mail_checks.features import used_features
from operations.mail_checks.mail_programs import programs_without
from operations.mail_checks.without_harm import WITHOUT_HARM
from report_kit.in_memory_user_data import Documents
from tests.mails.made import PERIOD, Made, mail_of


def test_the_features_that_a_mail_does_without_are_those_that_it_uses(mails: list[Made]) -> None:
    used = set().union(*(used_features(made.mail.html) for made in mails))
    assert {feature for feature in used if feature not in programs_without()} == set()
    assert {feature for feature in WITHOUT_HARM if feature not in used or not programs_without()[feature]} == set()


def crowded() -> dict[str, Documents]:
    """As much as documents can hold, in the letters that take the most bytes."""
    name, unit = "\U0001f3b2" * 60, "\U0001f3b2" * 20
    events = {
        f"e{number}": {"at": PERIOD.start, "type": f"{name[:-4]}{number:04}", "amount": 1e15 - number}
        for number in range(1_000)
    }
    quotas = {f"q{number}": {"allowed": 1e15, "name": name, "unit": unit} for number in range(50)}
    usage = {
        f"x{number}-{day}": {"at": PERIOD.start, "quota": f"q{number}", "amount": 9e14}
        for number in range(50)
        for day in range(2)
    }
    return {"activity": {"events": events}, "usage": {"quotas": quotas, "usage": usage}}


def test_no_mail_is_cut_off_whatever_the_documents_hold() -> None:
    brand = Brand(name="\U0001f3b2" * 60, url=f"https://example.com/{'x' * 1_900}", logo_url=f"https://x/{'y' * 1_900}")
    for kind, documents in crowded().items():
        for locale in ("en", "ja"):
            made = mail_of(kind, documents, locale=locale, brand=brand)
            assert list(mail_problems(made, locale)) == [], kind
            assert made.html.endswith("</body></html>")


def test_what_is_on_the_left_is_on_the_right_in_hebrew(mails: list[Made]) -> None:
    by_name = {made.name: made.mail.html for made in mails}
    for name, page in by_name.items():
        mirrored = by_name[name.replace("-en-", "-he-")]
        assert f'dir="{"rtl" if "-he-" in name else "ltr"}"' in page
        for pattern in ('align="{}"', "text-align:{}", "border-{}", "padding-{}"):
            left, right = pattern.format("left"), pattern.format("right")
            if "-en-" in name:
                assert (page.count(left), page.count(right)) == (mirrored.count(right), mirrored.count(left)), pattern
        assert ("direction:rtl" in page, "direction:ltr" in page) == (("-he-" in name), ("-he-" not in name))
