"""What the team's application is to be told of a recipient's wishes: it is kept with each change."""

from tests.functions.preferences.integration.conftest import ONE_CLICK, House


def test_each_change_keeps_what_is_to_be_told(house: House) -> None:
    user = house.user(cc=["bob@example.com"])
    assert house.post(house.link(user, "pause"), {"for": "week"}).status_code == 200
    house.post(house.link(user, "unsubscribe", copy="bob@example.com"), ONE_CLICK)
    house.post(house.link(user, "unsubscribe"), ONE_CLICK)
    told = house.outcomes(user)
    assert [(kind, data["wish"], bool(data.get("recipient"))) for kind, data in told] == [
        ("subscription.changed", "pause", False),
        ("report.unsubscribed", "stop", True),
        ("report.unsubscribed", "stop", False),
    ]
    assert "paused_until" in told[0][1]["fields"]


def test_what_changes_nothing_tells_nothing(house: House) -> None:
    user = house.user()
    for _ in range(2):
        house.post(house.link(user, "unsubscribe"), ONE_CLICK)
    house.get(house.link(user))
    assert len(house.outcomes(user)) == 1
