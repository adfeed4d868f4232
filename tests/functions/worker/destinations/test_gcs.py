"""Cloud Storage has each report once, and never files of two builds."""

import hashlib
import json
import socket
from collections.abc import Iterator

import pytest

from functions.shared.records.deliver import Deliver, DestinationName
from functions.worker.destinations.gcs.gcs import Gcs
from functions.worker.destinations.outcome import Accepted, Refused, Unclear
from local_cloud.background import Background
from local_cloud.clock import Clock
from local_cloud.storage.server import StorageEmulator
from tests.functions.worker.destinations.conftest import Serve
from tests.functions.worker.destinations.http_server import answer, read_request
from tests.functions.worker.destinations.sample_parcel import PARCEL, parcel

FOLDER = f"acme/{PARCEL.delivery_id}"


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[StorageEmulator]:
    """A Cloud Storage with the bucket `reports`."""
    background = Background()
    emulator = StorageEmulator(host="127.0.0.1", port=0, clock=Clock())
    emulator.buckets["reports"] = {}
    background.run(emulator.start())
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", emulator.url)
    yield emulator
    background.run(emulator.stop())
    background.close()


def gcs(bucket: str = "reports") -> Gcs:
    return Gcs(Deliver(DestinationName.GCS, bucket=bucket, prefix="acme/"))


def test_a_report_that_is_built_again_changes_nothing_and_mixes_no_builds(storage: StorageEmulator) -> None:
    bucket = storage.buckets["reports"]
    first, second = gcs().requests(PARCEL), gcs().requests(parcel(html="<h1>31 orders</h1>", figures={"orders": 31}))
    # A worker dies before the manifest, and the next one builds the report from other data.
    *files, _ = first
    for each in files:
        storage.put("reports", each.address, each.content, "text/html")
    assert f"{FOLDER}/manifest.json" not in bucket
    numbered = {f"k/{number}": each for number, each in enumerate(second, start=1)}
    assert gcs().send_requests(numbered, seconds=5) == Accepted(message_id=f"{FOLDER}/manifest.json")
    manifest = json.loads(bucket[f"{FOLDER}/manifest.json"].content)
    assert manifest["data"]["figures"] == {"orders": 31}
    assert [each["filename"] for each in manifest["files"]] == ["report.html", "report.txt", "orders.csv"]
    for each in manifest["files"]:
        content = bucket[each["name"]].content
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (each["sha256"], each["size"])
    # The first worker was only slow.
    late = {f"k/{number}": each for number, each in enumerate(first, start=1)}
    assert isinstance(gcs().send_requests(late, seconds=5), Accepted)
    assert json.loads(bucket[f"{FOLDER}/manifest.json"].content) == manifest


@pytest.mark.parametrize(
    ("status", "reason", "outcome"),
    [
        # Another worker writes the manifest just now, or has written it.
        (409, "conflict", Unclear),
        (412, "conditionNotMet", Accepted),
        (412, "orgPolicyConstraintFailed", Refused),
    ],
)
def test_what_the_answer_to_the_manifest_means(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, status: int, reason: str, outcome: type
) -> None:
    written: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        written.append(read_request(connection)[1])
        is_manifest = b"manifest.json" in written[-1].partition(b"\r\n--")[0]
        error = {"error": {"code": status, "message": "no", "errors": [{"reason": reason}]}}
        connection.sendall(answer(status, error) if is_manifest else answer(200, {"generation": "1"}))

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{serve(behave)}")
    assert isinstance(gcs().send(PARCEL, seconds=5), outcome)
    assert len([each for each in written if each]) == 4


def test_the_html_has_its_pictures_in_it(storage: StorageEmulator) -> None:
    gcs().send(PARCEL, seconds=5)
    [html] = [each for name, each in storage.buckets["reports"].items() if name.endswith("-report.html")]
    assert b"cid:" not in html.content
    assert b"data:image/png;base64," in html.content


def test_a_bucket_that_there_is_not_is_a_dead_letter(storage: StorageEmulator) -> None:
    assert isinstance(gcs("no-such-bucket").send(PARCEL, seconds=5), Refused)
