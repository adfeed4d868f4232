"""How ALERT_URLS is taken apart."""

import pytest

from functions.shared.settings import DlqHandlerSettings, load_settings


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ("json://a", ["json://a"]),
        ("json://a,pagerduty://b@c", ["json://a", "pagerduty://b@c"]),
        ("json://a, msteams://b , discord://c/d", ["json://a", "msteams://b", "discord://c/d"]),
        ("json://a\n  json://b\r\n\tjson://c\n", ["json://a", "json://b", "json://c"]),
        (
            "mailtos://u:p@h?to=a@x.com,b@x.com,mailtos://u:p@i",
            ["mailtos://u:p@h?to=a@x.com,b@x.com", "mailtos://u:p@i"],
        ),
        (",json://a,,json://b,", ["json://a", "json://b"]),
        ("json://a, b", ["json://a", "b"]),
        (" , ", []),
    ],
)
def test_a_comma_separates_only_where_a_url_follows(
    value: str, urls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "GOOGLE_CLOUD_PROJECT": "p",
        "LOCATION": "l",
        "DLQ_HANDLER_URL": "https://dlq-handler.example",
        "EVENTS_INVOKER": "events@p.iam.gserviceaccount.com",
        "ALERT_URLS": value,
    }
    for name, text in settings.items():
        monkeypatch.setenv(name, text)
    assert load_settings(DlqHandlerSettings).alert_urls == urls
