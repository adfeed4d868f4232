"""What drills have cost, by the bill."""

import pytest

from operations.errors import OperatorError
from proof.drill.bill import request_of, rows_of


def test_the_question_is_about_one_project_and_its_drills() -> None:
    request = request_of("my-reports", "my-billing.export.gcp_billing_export_resource_v1_0123AB")

    assert request.body is not None
    assert "FROM `my-billing.export.gcp_billing_export_resource_v1_0123AB`" in request.body["query"]
    assert "r'drill-[0-9]{8}[0-9a-f]{4}'" in request.body["query"]
    assert request.body["queryParameters"][0]["parameterValue"] == {"value": "my-reports"}


@pytest.mark.parametrize("table", ["export.table", "a.b.c` UNION ALL SELECT 1 -- ", ""])
def test_another_text_is_no_table(table: str) -> None:
    with pytest.raises(OperatorError, match=r"PROJECT\.DATASET\.TABLE"):
        request_of("my-reports", table)


def test_an_answer_has_a_row_for_each_service_of_a_drill() -> None:
    cells = [{"v": "drill-11300815"}, {"v": "Cloud Run"}, {"v": "1.25"}, {"v": "USD"}]

    row = {"drill": "drill-11300815", "service": "Cloud Run", "cost": "1.25", "currency": "USD"}
    assert rows_of({"jobComplete": True, "rows": [{"f": cells}]}) == [row]
    assert rows_of({"jobComplete": True}) == []
