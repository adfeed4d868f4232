"""The cost of a report before it is sent: the import of the worker, and the rendering."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from functions.shared.records.subscription import Subscription
from functions.shared.records.user import User
from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence
from functions.worker.compose import compose
from functions.worker.destinations.email.compliance import MailCompliance
from functions.worker.destinations.email.model import Mail
from functions.worker.kind_settings import local_settings
from proof.benchmarks.checkout import THIS
from proof.benchmarks.deployed import lay_out
from proof.benchmarks.table import Table, number, times
from report_kit.in_memory_user_data import InMemoryUserData
from report_kit.kinds import kinds, sample
from report_kit.sample_amount import SampleAmount

REPOSITORY = Path(__file__).resolve().parents[2]

MOST_MS_WITH_CHART, MOST_MS_WITHOUT = 60.0, 5.0
MOST_IMPORTS = 1.3

CLIENTS = (
    "import google.cloud.firestore, google.pubsub_v1, google.oauth2.id_token, google.auth.transport.requests, sendgrid"
)
STARTS = 10
REPORTS = 40
_PERIOD = Period(datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC))
_VARIABLES = {
    "GOOGLE_CLOUD_PROJECT": "benchmark",
    "WORKER_URL": "https://worker.example",
    "TASKS_INVOKER": "tasks@example.com",
    "DEAD_LETTER_TOPIC": "dead-letters",
    "DEFAULT_KIND": "activity",
    "MAX_ATTEMPTS": "8",
    "SENDGRID_API_KEY": "SG.benchmark",
    "MAIL_FROM": "reports@example.com",
}


def measure(*, starts: int = STARTS, reports: int = REPORTS) -> Iterator[Table]:
    """Import the worker and its clients alone so many times, and render so many reports of each kind.

    Args:
        starts: how often; if more than once, the first import of each does not count.
        reports: of each kind.
    """
    yield _imports(starts)
    yield _rendering(reports)


def _imports(starts: int) -> Table:
    rows = []
    with TemporaryDirectory() as folder:
        deployed = lay_out(THIS, "worker", Path(folder))
        for environment, root, statement in (
            ("as it is deployed", deployed, "import main"),
            ("in this environment", REPOSITORY, "import functions.worker.main"),
        ):
            # In turn, so that other load on the machine slows both down alike; the first import of each may have to
            # compile.
            turns = [(_import_ms(CLIENTS, root), _import_ms(statement, root)) for _ in range(starts)]
            clients, worker = (statistics.median(turn[place] for turn in turns[1:] or turns) for place in (0, 1))
            rows.append([environment, number(clients), number(worker), times(worker / clients), times(MOST_IMPORTS)])
    return Table(
        title="Importing the worker",
        columns=["where", "its clients alone, ms", "the worker, ms", "ratio", "at most"],
        rows=rows,
        note=f"CPU time of the import in a new process, median of {starts}, the first left out. The clients alone are "
        f"`{CLIENTS}`. As it is deployed, the worker is imported by its main.py, with the garbage collector off, and "
        "packages that its requirements do not bring are hidden. "
        "Here there is Rich, too, for the operator's command, and structlog imports it wherever it finds it.",
    )


def _rendering(reports: int) -> Table:
    rows = []
    for kind in kinds():
        for locale in ("en", "ja"):
            with_chart, without = (
                _render_ms(kind, locale, amount, reports) for amount in (SampleAmount.MUCH, SampleAmount.NOTHING)
            )
            rows.append(
                [
                    f"{kind}, {locale}",
                    *(number(with_chart), times(with_chart / MOST_MS_WITH_CHART)),
                    *(number(without), times(without / MOST_MS_WITHOUT)),
                    times(with_chart / without),
                ]
            )
    return Table(
        title="Rendering a report",
        columns=[
            *(
                "report",
                "with a chart, ms",
                f"of {MOST_MS_WITH_CHART:g} ms",
                "without, ms",
                f"of {MOST_MS_WITHOUT:g} ms",
            ),
            "chart to none",
        ],
        rows=rows,
        note="CPU time from the stored documents to the finished email, both parts and the picture, median of "
        f"{reports} after the first. With a chart: the sample that the kind brings along; without: no data.",
    )


def _import_ms(statement: str, root: Path) -> float:
    code = f"import time\nt = time.process_time()\n{statement}\n"
    code += "print((time.process_time() - t) * 1000)"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **_VARIABLES, "PYTHONPATH": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(ended.stdout)


def _render_ms(kind: str, locale: str, amount: SampleAmount, reports: int) -> float:
    user = User.from_fields("u1", {"email": "ada@example.com", "name": "Ada", "active": True})
    subscription = Subscription(
        id="s1", user_id="u1", kind=kind, cadence=Cadence.DAILY, locale=locale, skip_empty=False
    )
    data = InMemoryUserData(*sample(kind, _PERIOD, amount))
    settings = local_settings(kind)
    compliance = MailCompliance(sender="reports@example.com", postal_address="1 Example Road")

    def render() -> float:
        began = time.process_time()
        mail = compose(
            kind,
            user,
            subscription,
            _PERIOD,
            data,
            delivery_id="d1",
            run_id="r1",
            compliance=compliance,
            settings=settings,
        )
        assert isinstance(mail, Mail)
        assert bool(mail.images) is (amount is SampleAmount.MUCH)
        return (time.process_time() - began) * 1000

    render()
    return statistics.median(render() for _ in range(reports))
