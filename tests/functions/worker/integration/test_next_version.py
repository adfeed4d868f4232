"""The next version of a kind, for some of its subscriptions."""

import os
from pathlib import Path
from typing import Any

import pytest

from local_pipeline.function_process import FunctionProcess
from tests.functions.worker.integration.conftest import Cloud
from tests.support import REPOSITORY

_KIND = "from report_kit import Skip\n\n\ndef build(request):\n    return Skip('by the {} version')\n"
NEEDS = "next: {for: [chosen, someone/weekly, Reader@example.com]}\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with a kind that has a next version."""
    project = tmp_path_factory.mktemp("project")
    files = {
        "__init__.py": "",
        "rolled_out/__init__.py": _KIND.format("current"),
        "rolled_out/next/__init__.py": _KIND.format("next"),
        "rolled_out/needs.yaml": NEEDS,
    }
    for name, text in files.items():
        file = project / "kinds" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return project


@pytest.fixture
def worker(cloud: Cloud, project: Path) -> FunctionProcess:
    """The project's."""
    return cloud.worker(PYTHONPATH=f"{project}{os.pathsep}{REPOSITORY}")


def made_by(cloud: Cloud, worker: FunctionProcess, user: str, **named: Any) -> str:
    """The version that has made a report, which the delivery tells, too."""
    cloud.deliver(user, kind="rolled_out", worker=worker, **named)
    delivery = cloud.delivery_of(user, *named.values())
    assert delivery["state"] == "skipped"
    assert delivery["note"] == f"by the {delivery['variant']} version"
    return str(delivery["variant"])


def test_those_who_are_named_get_it_and_the_delivery_says_so(cloud: Cloud, worker: FunctionProcess) -> None:
    reader, copied, other = cloud.user(email="reader@EXAMPLE.com"), cloud.user(), cloud.user()
    cloud.subscription(copied).update({"cc": ["reader@example.com"]})
    assert [made_by(cloud, worker, user) for user in (reader, copied, other)] == ["next", "next", "current"]


def test_an_operator_has_it_make_one_report(cloud: Cloud, worker: FunctionProcess) -> None:
    user = cloud.user()
    cloud.put_delivery(user, kind="rolled_out", state="pending", attempts=0, task="by-hand", by_next=True)
    assert made_by(cloud, worker, user) == "next"
    cloud.subscribe(user, "later")
    assert made_by(cloud, worker, user, subscription_id="later") == "current"


def test_a_kind_without_a_next_version_has_no_variant(cloud: Cloud) -> None:
    user = cloud.user()
    cloud.put_delivery(user, state="pending", attempts=0, task="by-hand", by_next=True)
    cloud.deliver(user)
    delivery = cloud.delivery_of(user)
    assert (delivery["state"], "variant" in delivery) == ("sent", False)
