"""The running function does what its OpenAPI document says, whatever comes. https://schemathesis.readthedocs.io"""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from functions.shared.records.archived_copy import ArchivedCopy, CopyName
from tests.functions.api.integration.conftest import NEXT, House

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@pytest.mark.thorough
def test_the_function_and_its_document_say_the_same(house: House, tmp_path: Path) -> None:
    user = house.user()
    configuration = tmp_path / "schemathesis.toml"
    # What there is: all other ids are answered 404.
    ids = {"user_id": user, "subscription_id": "default", "delivery_id": f"{user}:default:20261124T1300Z"}
    of_paths = "".join(f'"path.{name}" = "{value}"\n' for name, value in ids.items())
    configuration.write_text(f"{CONFIGURATION.read_text(encoding='utf-8')}\n[parameters]\n{of_paths}", encoding="utf-8")
    name = CopyName.of(user, ids["delivery_id"], "c", days=9, now=datetime.now(UTC))
    copy = ArchivedCopy(*(user, "default", ids["delivery_id"], "activity", NEXT, [], "Monday", "<p>", "", "[h]", "[t]"))
    house.archive.keep(name, copy)
    fields = {"user_id": user, "subscription_id": "default", "state": "sent", "kind": "activity", "due_at": NEXT}
    fields |= {"archived_as": str(name)}
    house.database.collection("deliveries").document(ids["delivery_id"]).set(fields)
    command: list[str | Path] = [sys.executable, "-m", "schemathesis.cli", "--config-file", configuration, "run"]
    command += [f"{house.url}/openapi.json", "--header", f"Authorization: Bearer {house.token}"]
    command += ["--phases", "coverage,fuzzing", "--max-examples", "5", "--seed", "1"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
