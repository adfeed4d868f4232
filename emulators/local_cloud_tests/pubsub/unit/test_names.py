from collections.abc import Callable

import grpc
import pytest

from local_cloud.pubsub.names import check_name, check_project, project_of, short_name
from local_cloud.rpc import RpcError
from local_cloud.tasks.names import check_location


@pytest.mark.parametrize("name", ["abc", "a" * 255, "A-b_c.d~e+f%25", "Topic1"])
def test_names_within_the_rules_pass(name: str) -> None:
    check_name(f"projects/my-project/topics/{name}", "topics")


@pytest.mark.parametrize(
    "name", ["", "ab", "a" * 256, "1abc", "-abc", "a b", "a/b", "goog", "Google", "ab\n", "projects/p/topics/abc"]
)
def test_names_against_the_rules_are_refused(name: str) -> None:
    with pytest.raises(RpcError) as refused:
        check_name(f"projects/my-project/topics/{name}", "topics")
    assert refused.value.code == grpc.StatusCode.INVALID_ARGUMENT
    assert name in refused.value.message


def test_a_name_of_another_collection_is_refused() -> None:
    with pytest.raises(RpcError):
        check_name("projects/my-project/topics/abc", "subscriptions")


@pytest.mark.parametrize(
    "project", ["p", "My-Project", "example.com:project", "123456", "a-b", "my_project", "a b", "ü"]
)
def test_a_project_has_an_id_for_both_services_or_for_none(project: str) -> None:
    def takes(check: Callable[[], None]) -> bool:
        try:
            check()
        except RpcError:
            return False
        return True

    checks = [
        lambda: check_project(f"projects/{project}"),
        lambda: check_name(f"projects/{project}/topics/abc", "topics"),
        lambda: check_location(f"projects/{project}/locations/l"),
    ]
    assert {takes(check) for check in checks} == {project not in {"my_project", "a b", "ü"}}


@pytest.mark.parametrize("name", ["", "my-project", "projects/", "projects/a/b", "projects/a_b"])
def test_what_is_not_a_project_is_refused(name: str) -> None:
    with pytest.raises(RpcError):
        check_project(name)


def test_a_name_is_taken_apart() -> None:
    assert short_name("projects/p/topics/t") == "t"
    assert project_of("projects/p/topics/t") == "projects/p"
