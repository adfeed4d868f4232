"""The DLQ handler works with the pipeline's database alone: it needs none that has users."""

from typing import Any

import grpc

from functions.shared.system_alert import AlertKind, SystemAlert
from local_cloud.rpc import RpcError, current_request
from tests.databases import database_of
from tests.functions.dlq_handler.integration.conftest import DIED, Cloud, letter
from tests.functions.dlq_handler.integration.test_unknown_outcomes import put_delivery, record, state_of, unclear


def test_it_needs_no_users(around: Cloud) -> None:
    asked: set[str] = set()

    async def refuse_users(_method: str, carry_out: Any) -> Any:
        asked.add(database := database_of(current_request()))
        if database == "users":
            raise RpcError(grpc.StatusCode.NOT_FOUND, "there is no such database")
        return await carry_out()

    handler = around.handler(FIRESTORE_DATABASE="users", PIPELINE_DATABASE="(default)")
    around.firestore_faults.middleware = refuse_users
    failed, may_be_sent = letter(), unclear()
    put_delivery(around, may_be_sent, "dead")
    record(around, may_be_sent)
    told = SystemAlert(alert=AlertKind.RUN_ERRORS, run_id="20261124T1300Z", at=DIED, detail="errors: 1")
    for data, attributes in ((failed, {}), (may_be_sent, {}), (told.to_json(), {"alert": told.alert.value})):
        assert handler.receives(data, attributes=attributes).status_code == 200
    assert (state_of(around, failed), state_of(around, may_be_sent)) == ("open", "settled")
    assert (len(around.slack), len(around.system_records())) == (2, 1)
    assert asked == {"(default)"}
