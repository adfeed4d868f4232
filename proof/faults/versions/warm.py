"""The worker, which has made an email of each kind before it takes requests. What takes the place of a process that was
killed is forked from it, and does not have to import kinds and compile templates."""

from functions.worker.main import worker  # noqa: F401  it is served
from report_kit.kinds import kinds
from tests.functions.worker.unit.samples import mail

for kind in kinds():
    mail(kind, {})
