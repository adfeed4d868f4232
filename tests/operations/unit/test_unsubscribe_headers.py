"""What mailbox providers make of the headers of an email."""

import pytest

from deployment.mail_checks.finding import State
from operations.mail_checks.unsubscribe_headers import check_unsubscribe_headers

ONE_CLICK = {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
GOOD = {"List-Id": "<activity.corp.example>", "List-Unsubscribe": "<https://corp.example/u/1>", **ONE_CLICK}


def test_a_link_for_one_click() -> None:
    assert check_unsubscribe_headers(GOOD, in_group=False).state is State.OK


def test_beside_a_mailto_link() -> None:
    both = {"List-Unsubscribe": "<mailto:u@corp.example>, <https://corp.example/u/1>"}
    assert check_unsubscribe_headers(GOOD | both, in_group=False).state is State.OK


@pytest.mark.parametrize(
    "changed",
    [
        {"List-Unsubscribe": ""},
        {"List-Unsubscribe": "https://corp.example/u/1"},
        {"List-Unsubscribe": "<mailto:u@corp.example>"},
        {"List-Unsubscribe": "<https://corp.example/u/1>, <https://corp.example/u/2>"},
        {"List-Unsubscribe-Post": ""},
        {"List-Unsubscribe-Post": "One-Click"},
    ],
)
def test_no_way_out_by_one_click(changed: dict[str, str]) -> None:
    assert check_unsubscribe_headers(GOOD | changed, in_group=False).state is State.PROBLEM


@pytest.mark.parametrize("list_id", ["", "activity.corp.example", "<activity>", "<a@corp.example>"])
def test_no_list_id(list_id: str) -> None:
    assert check_unsubscribe_headers(GOOD | {"List-Id": list_id}, in_group=False).state is State.WARNING


def test_sendgrid_adds_the_link_of_a_group() -> None:
    assert check_unsubscribe_headers({"List-Id": GOOD["List-Id"]}, in_group=True).state is State.OK


def test_a_link_of_this_machine_says_nothing_of_the_deployed_one() -> None:
    local = {"List-Unsubscribe": "<http://127.0.0.1:8470/p/1/unsubscribe>"}
    assert check_unsubscribe_headers(GOOD | local, in_group=False).state is State.UNKNOWN
