"""Which kinds of report there are."""

from pathlib import Path

import pytest

from report_kit.kinds import find, kinds, sample
from report_kit.report import PermanentError
from tests.functions.worker.unit.samples import PERIOD
from tests.kinds_elsewhere import kinds_in


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


def test_a_sample_that_cannot_be_imported_is_not_taken_for_one_that_is_not_there(tmp_path: Path) -> None:
    kind = tmp_path / "sampled"
    kind.mkdir()
    (kind / "__init__.py").write_text("def build(_request):\n    return None\n")
    with kinds_in(tmp_path):
        with pytest.raises(PermanentError, match=r"^the kind sampled has no sample\.py$"):
            sample("sampled", PERIOD)
        (kind / "sample.py").write_text("import missing_here\n")
        with pytest.raises(ModuleNotFoundError, match="missing_here"):
            sample("sampled", PERIOD)
