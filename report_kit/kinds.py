"""Which kinds of report there are."""

import functools
import importlib
import importlib.util
import inspect
import pkgutil
from collections.abc import Callable
from typing import cast

import kinds as room
from functions.shared.needs import NEXT_FOLDER
from functions.shared.times.period import Period
from report_kit.in_memory_user_data import Sample
from report_kit.kind_folders import folder, folder_of
from report_kit.next_version import Variant
from report_kit.pdf_need import built
from report_kit.report import PermanentError, Report, Skip
from report_kit.request import ReportRequest
from report_kit.sample_amount import SampleAmount

Build = Callable[[ReportRequest], Report | Skip]

_REPORT_FILE = "report.yaml"


@functools.cache
def kinds() -> tuple[str, ...]:
    """The names of all kinds: the folders in `kinds/` that are a package, or have a report.yaml."""
    packages = {module.name for module in pkgutil.iter_modules(room.__path__) if module.ispkg}
    from_sql = {file.parent.name for file in folder().glob(f"*/{_REPORT_FILE}")}
    return tuple(sorted(packages | from_sql))


def find(kind: str, variant: Variant | None = None) -> Build:
    """The function that builds reports of a kind. The kind is imported with its first report, and so is what it needs.

    Args:
        kind: which.
        variant: which version of it; None is the current one.

    Raises:
        PermanentError: there is no such kind, or it has no next version.
    """
    if kind not in kinds():
        raise PermanentError(f"kind: there is no kind {kind!r}, but {', '.join(kinds())}")
    return functools.partial(_build, kind, _build_of(kind, is_next=variant is Variant.NEXT))


def _build(kind: str, build: Build, request: ReportRequest) -> Report | Skip:
    token = built.set(kind)
    try:
        return build(request)
    finally:
        built.reset(token)


def _build_of(kind: str, *, is_next: bool) -> Build:
    if is_from_sql(kind):
        from report_kit.sql.build import build

        return functools.partial(build, folder_of(kind), version=NEXT_FOLDER if is_next else "")
    if is_next:
        package = f"{room.__name__}.{kind}.{NEXT_FOLDER}"
        if importlib.util.find_spec(package) is None:
            raise PermanentError(f"kind: {kind} has no next version, which is a folder {NEXT_FOLDER} within its own")
        return cast(Build, importlib.import_module(package).build)
    return cast(Build, importlib.import_module(f"{room.__name__}.{kind}").build)


def sample(kind: str, period: Period, amount: SampleAmount = SampleAmount.MUCH) -> Sample:
    """The made-up data that a kind brings along, to be looked at.

        >>> sorted(sample("orders", request.period).documents)
        ['orders']

    Args:
        kind: which.
        period: the time that the report covers.
        amount: how much. A `documents` that takes only the period has one sample, and nothing.

    Returns:
        What `documents` and `answers` of the kind's `sample.py` return for period and amount; it may lack either.

    Raises:
        PermanentError: there is no such kind, or it brings none.
    """
    find(kind)
    if is_from_sql(kind):
        from report_kit.sql.sample_database import sample_documents

        return Sample(sample_documents(amount))
    name = f"{room.__name__}.{kind}.sample"
    if importlib.util.find_spec(name) is None:
        raise PermanentError(f"the kind {kind} has no sample.py")
    module = importlib.import_module(name)
    answer = module.answers(period, amount) if hasattr(module, "answers") else None
    if not hasattr(module, "documents"):
        return Sample({}, answer)
    if len(inspect.signature(module.documents).parameters) > 1:
        return Sample(module.documents(period, amount), answer)
    return Sample({} if amount is SampleAmount.NOTHING else module.documents(period), answer)


def is_from_sql(kind: str) -> bool:
    """Whether a kind is a report.yaml. One that has Python as well is that of its Python."""
    return (folder_of(kind) / _REPORT_FILE).is_file() and not (folder_of(kind) / "__init__.py").exists()
