"""An environment of the drill's own in a project of Google Cloud."""

import fcntl
import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deployment.apis import read_project
from deployment.engine.credentials import session as credentials_session
from deployment.engine.discovery import method
from deployment.engine.google_client import GoogleClient
from deployment.engine.google_error import GoogleError
from deployment.env_file import RESERVED
from deployment.options import Options
from deployment.report import Report
from deployment.resources.schedule import JOB
from deployment.run import Run
from deployment.settings import settings_of
from functions.shared.project_files import PIPELINE, PROJECT_VARIABLE
from operations.errors import OperatorError
from operations.queues.queue_change import QueueSettings
from operations.session import Session
from operations.sizing.plan import Plan
from operations.sizing.price_list import DOLLARS_A_CPU_SECOND, DOLLARS_A_GIB_SECOND
from proof.drill.extras import SINK, deploy_extras, remove_extras
from proof.drill.place import Usage
from proof.drill.settings import NAME, SETTINGS
from proof.drill.users import KIND

WHERE = (
    *("PROJECT_ID", "REGION", "FIRESTORE_LOCATION", "KMS_KEY", "BUILD_POOL"),
    *("VPC_NETWORK", "VPC_SUBNET", "VPC_EGRESS"),
)
"""The settings of the team that hold for a drill, too."""

VISIBLE = timedelta(minutes=5)
"""After this Cloud Monitoring shows what happened. https://cloud.google.com/monitoring/api/metrics_gcp_d_h#gcp-firestore"""

BEGUN_SECONDS = 60
"""How long Google may still be at what an interrupted deployment has asked for."""

_DATABASE = 'resource.type = "firestore.googleapis.com/Database" AND resource.labels.database_id = "{}"'
_SERVICES = (
    'resource.type = "cloud_run_revision" AND resource.labels.service_name = one_of("{0}-worker", "{0}-dispatcher")'
)
_DOLLARS_A_SECOND = DOLLARS_A_CPU_SECOND + DOLLARS_A_GIB_SECOND


def write_settings(folder: Path, given: Mapping[str, str], plan: Plan) -> Path:
    """Write the settings of a drill's environment, before anything of it is there: what removes it needs them.

    Args:
        folder: where.
        given: the team's settings.
        plan: how fast the reports go.

    Returns:
        the file. Its name is the beginning of the names of all that the drill makes: no other drill has it, whoever
        begins one in the same minute, and Google keeps the name of a queue for days after it was deleted.
    """
    file = folder / f"drill-{datetime.now(UTC):%m%d%H%M}{secrets.token_hex(2)}.env"
    own = {
        **{name: given[name] for name in WHERE if given.get(name)},
        **SETTINGS,
        "PREFIX": file.stem,
        "FIRESTORE_DATABASE": file.stem,
        "FIRESTORE_DELETE_PROTECTION": "off",
        "FIRESTORE_PITR": "off",
        "FIRESTORE_BACKUPS": "off",
        "SENDGRID_API_KEY": f"SG.{secrets.token_urlsafe(32)}",
        "MAIL_EVENTS": "off",
        "MAIL_WITHOUT_UNSUBSCRIBE": "true",
        "DEFAULT_KIND": KIND,
        # Until run_now.
        "SCHEDULE": "paused",
        "QUEUES": str(plan.queues),
        "WORKER_MAX_INSTANCES": str(plan.instances),
    }
    folder.mkdir(exist_ok=True)
    # Whole or not at all: nothing is made before it is there.
    begun = file.with_suffix(".begun")
    begun.touch(mode=0o600)
    begun.write_text("".join(f"{name}={value}\n" for name, value in own.items()), encoding="utf-8")
    return begun.rename(file)


class GooglePlace:
    """See Place.

    Args:
        file: the settings of its environment, as write_settings has written them.
        plan: how fast the reports go.
        kills: whether processes exit.

    Raises:
        OperatorError: another process is at this drill, or the file is none that write_settings writes.
    """

    seconds_between_looks = 10.0

    def __init__(self, file: Path, plan: Plan, *, kills: bool) -> None:
        self._file = file
        self._plan = plan
        self._kills = kills
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        own = dict(line.split("=", 1) for line in lines if "=" in line)
        is_whole = {"PROJECT_ID", "REGION"} <= own.keys()
        # Whose database it is that goes with it.
        is_named = own.get("PREFIX") == own.get("FIRESTORE_DATABASE") == file.stem
        if not (is_whole and is_named and re.fullmatch(NAME, file.stem)):
            raise OperatorError(f"{file} has not the settings of a drill, and is left as it is.")
        self._lock = file.open(encoding="utf-8")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OperatorError(f"{file.stem} is under way.") from None
        self._is_whole = False
        self._project, self._region = own["PROJECT_ID"], own["REGION"]
        # The deployment says what is wrong with them.
        self._environment, _ = settings_of(own, root=PIPELINE, options=Options(), kinds={}, now=_now())
        self._client = GoogleClient(credentials_session(self._project), self._project, now=_now)
        self.name = f"Google Cloud, {self._region}"
        self.settings: Mapping[str, str] = {
            "drill": file.stem,
            "queues": f"{plan.queues}",
            "--max-dispatches-per-second": f"{plan.rate:g}",
            "--max-concurrent-dispatches": f"{plan.concurrent}",
            "WORKER_MAX_INSTANCES": f"{plan.instances}",
        }

    @contextmanager
    def made(self) -> Iterator[Session]:
        """See Place."""
        try:
            run = self._run()
            self._deploy("--dirty", SENDGRID_HOST=run.settings.sendgrid_host)
            # By now all interfaces are on.
            run.client = self._client
            deploy_extras(run, kills=self._kills)
            for name in RESERVED:
                os.environ.pop(name, None)
            os.environ |= {
                "GOOGLE_CLOUD_PROJECT": self._project,
                "LOCATION": self._region,
                "PREFIX": self._file.stem,
                "FIRESTORE_DATABASE": self._file.stem,
            }
            session = Session(None)
            for queue in session.target.queues:
                session.queues.change(queue, QueueSettings(rate=self._plan.rate, concurrent=self._plan.concurrent))
            self._is_whole = True
            yield session
        finally:
            self.remove()

    def remove(self) -> None:
        """Remove all that there is of it. What an interrupted deployment has begun may be there only after a while."""
        try:
            for seconds in [0] if self._is_whole else [0, BEGUN_SECONDS]:
                time.sleep(seconds)
                self._deploy("--teardown", "--break-lock", answer=self._project)
                remove_extras(self._environment, self._client)
        except GoogleError as error:
            raise OperatorError(f"{error.message} ./reports drill --clean removes what there is.") from error
        self._file.unlink()

    def run_now(self, session: Session) -> None:
        """See Place."""
        job = f"projects/{self._project}/locations/{self._region}/jobs/{self._file.stem}-dispatch"
        # Until all users are there it is paused, and Google does not say whether a paused job can be run.
        if self._client.send(JOB.method("get").request(job))["state"] == "PAUSED":
            self._client.send(JOB.method("resume").request(job, {}))
        self._client.send(JOB.method("run").request(job, {}))

    def usage(self, since: datetime, until: datetime) -> Usage:
        """See Place. Cloud Run's part is the time that it bills, with the memory of the worker."""
        time.sleep(VISIBLE.total_seconds())
        reads, writes = (
            self._sum(f"firestore.googleapis.com/document/{what}", _DATABASE.format(self._file.stem), since, until)
            for what in ("read_ops_count", "write_ops_count")
        )
        seconds = self._sum(
            "run.googleapis.com/container/billable_instance_time", _SERVICES.format(self._file.stem), since, until
        )
        return Usage(reads=int(reads), writes=int(writes), cloud_run=seconds * _DOLLARS_A_SECOND)

    def _run(self) -> Run:
        """A run of the deployment in this process, which knows where the sink is to be."""
        options = Options()
        run = Run(
            options=options,
            settings=self._environment,
            client=GoogleClient(credentials_session(self._project), self._project, now=_now, apis_may_be_off=True),
            report=Report(options=options),
            wait=time.sleep,
            now=_now,
            stamp=f"{_now():%Y%m%dt%H%M%Sz}",
        )
        read_project(run)
        run.settings = run.settings.model_copy(update={"sendgrid_host": run.settings.url(SINK)})
        return run

    def _deploy(self, *options: str, answer: str = "", **settings: str) -> None:
        # Only what the file of the drill says holds, and nothing of the team's.
        names = {*RESERVED, PROJECT_VARIABLE}
        environment = {name: value for name, value in os.environ.items() if name not in names}
        command: Sequence[str] = [sys.executable, "-P", "-m", "deployment", f"--env-file={self._file}"]
        deployment = subprocess.run(
            [*command, *options],
            env={**environment, **settings, "PYTHONPATH": str(PIPELINE)},
            # A deployment that goes on after the drill was killed is under way, too.
            pass_fds=(self._lock.fileno(),),
            input=answer,
            text=True,
            check=False,
        )
        if deployment.returncode:
            raise OperatorError(
                "The deployment has stopped, as it says above. ./reports drill --clean removes what there is."
            )

    def _sum(self, metric: str, about: str, since: datetime, until: datetime) -> float:
        """What a metric adds up to. Cloud Monitoring has it by minutes."""
        first, last = since - timedelta(minutes=1), until + timedelta(minutes=1)
        query: dict[str, str | list[str]] = {
            "filter": f'metric.type = "{metric}" AND {about}',
            "interval.startTime": f"{first:%Y-%m-%dT%H:%M:%SZ}",
            "interval.endTime": f"{last:%Y-%m-%dT%H:%M:%SZ}",
            "aggregation.alignmentPeriod": f"{(last - first) // timedelta(minutes=1) * 60}s",
            "aggregation.perSeriesAligner": "ALIGN_DELTA",
            "aggregation.crossSeriesReducer": "REDUCE_SUM",
        }
        asked = method("monitoring", "v3", "projects.timeSeries.list").request(f"projects/{self._project}", query=query)
        series = (self._client.read(asked) or {}).get("timeSeries", [])
        values = [point["value"] for each in series for point in each["points"]]
        return sum(float(each.get("int64Value", each.get("doubleValue", 0))) for each in values)


def _now() -> datetime:
    return datetime.now(UTC)
