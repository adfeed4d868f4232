"""When Cloud Scheduler calls the dispatcher, by scheduler.yaml."""

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import yaml

from functions.shared.project_files import project_file
from functions.shared.times.cron import CronLine


@dataclass(frozen=True)
class RunSchedule:
    """The times of the runs. In the hour that a zone skips or repeats, they may be an hour off.

    Attributes:
        line: when, on the wall clock of a zone.
    """

    line: CronLine
    zone: ZoneInfo

    @classmethod
    def read(cls) -> "RunSchedule":
        """The schedule of the project."""
        flags = yaml.safe_load(project_file("scheduler.yaml").read_text(encoding="utf-8"))
        # https://cloud.google.com/sdk/gcloud/reference/scheduler/jobs/create/http#--time-zone
        return cls(CronLine(flags["--schedule"]), ZoneInfo(flags.get("--time-zone") or "Etc/UTC"))

    def following(self, now: datetime) -> datetime:
        """The next time after a moment, in UTC."""
        return self._moment(next(self.line.following(self._wall(now), 1)))

    def preceding(self, now: datetime) -> datetime:
        """The last time before a moment, in UTC."""
        return self._moment(next(self.line.preceding(self._wall(now), 1)))

    def _wall(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone).replace(tzinfo=None)

    def _moment(self, wall: datetime) -> datetime:
        return wall.replace(tzinfo=self.zone).astimezone(UTC)
