"""Page tokens and page sizes."""

import pytest

from local_cloud.rpc import RpcError
from local_cloud.tasks.moments import SECOND
from local_cloud.tasks.paging import page_size, page_token, read_page_token

NOW = 1_800_000_000 * SECOND


@pytest.mark.parametrize("item", ["7", "projects/p/locations/l/queues/q:1", "?>~"])
def test_a_token_leads_back_to_its_item_for_two_hours(item: str) -> None:
    token = page_token(item, NOW)

    assert read_page_token(token, NOW + 7200 * SECOND) == item
    with pytest.raises(RpcError, match="expired"):
        read_page_token(token, NOW + 7201 * SECOND)


def test_no_token_is_the_first_page() -> None:
    assert read_page_token("", NOW) == ""


@pytest.mark.parametrize("token", ["x", "!!!!", "bm8=", "OmE=", "ü", "__8="])
def test_a_token_of_somebody_elses(token: str) -> None:
    with pytest.raises(RpcError, match="page_token is not valid"):
        read_page_token(token, NOW)


def test_page_sizes() -> None:
    assert page_size(0, 1000) == 1000
    assert page_size(10, 1000) == 10
    assert page_size(5000, 1000) == 1000
    with pytest.raises(RpcError, match="page_size"):
        page_size(-1, 1000)
