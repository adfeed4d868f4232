"""Which kinds of report there are."""

import pytest

from functions.worker.reports.kinds import find, kinds
from functions.worker.reports.report import PermanentError


def test_a_kind_is_a_folder() -> None:
    assert {"activity", "usage"} <= set(kinds())
    for kind in kinds():
        assert callable(find(kind))


@pytest.mark.parametrize(
    "kind", ["horoscope", "report", "user_data", "layout", "locales", "sql", "attachments", "activity.texts", ""]
)
def test_another_kind_is_refused_with_those_that_exist(kind: str) -> None:
    with pytest.raises(PermanentError, match=f"^kind: there is no kind .* but {', '.join(kinds())}$"):
        find(kind)
