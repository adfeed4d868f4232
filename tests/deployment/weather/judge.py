"""First deployments in the weather, and what must come of them."""

import re
import shutil
import tempfile
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.deployment.conftest import BARE, Deployment, Outcome
from tests.deployment.weather.clock import VirtualClock
from tests.deployment.weather.google import WeatherProject, WeatherSession
from tests.deployment.weather.sky import Sky

PATIENCE = 600
"""In seconds: how long something counts as new."""

NEVER = (
    "account-unseen",
    "act-as",
    "api-warming",
    "database-unseen",
    "grant-secret",
    "member-unknown",
    "metric-unknown-to-alerts",
    "metric-unknown-to-objectives",
    "secret-unseen",
    "service-unseen",
    "topic-unseen",
)
"""What may last for ever in weather that never clears, one of them at a time."""

_EVERYTHING = {
    "ALERT_EMAIL": "ops@example.com",
    "API_CALLERS": "app@another-project.iam.gserviceaccount.com",
    "ARCHIVE": "on",
    "BUDGET": "100",
    "CONSOLE_OPERATORS": "ada@example.com",
    "ON_UNKNOWN_OUTCOME": "resend-if-absent",
    "OUTCOMES": "on",
    "QUEUES": "2",
}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a seed.

    Attributes:
        seed: of the weather.
        wrong: what went wrong; empty if nothing did.
        strikes: how often each belief has struck.
        seconds: how long the first run took, on the virtual clock.
    """

    seed: int
    wrong: str
    strikes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0


class _Wrong(Exception):
    """What a deployment did is not what it must."""


def judge(seed: int, repository: Path, *, everything: bool, never: bool = False) -> Verdict:
    """Deploy a bare project, in weather of a seed.

    Args:
        seed: of the weather.
        repository: what is deployed.
        everything: whether with all that can be asked for.
        never: whether the weather does not clear.
    """
    sky = Sky(seed, VirtualClock(), never=NEVER[seed % len(NEVER)] if never else "")
    folder = Path(tempfile.mkdtemp(prefix="weather-"))
    wrong, seconds = "", 0.0
    try:
        trial = _Trial(folder, repository, sky, everything=everything)
        seconds = trial.without_end() if never else trial.first()
    except _Wrong as error:
        wrong = str(error)
    except Exception:
        # Of the deployment, or of the stand-in.
        wrong = traceback.format_exc()
    finally:
        shutil.rmtree(folder)
    return Verdict(seed=seed, wrong=wrong, strikes=sky.strikes, seconds=seconds)


class _Trial:
    def __init__(self, folder: Path, repository: Path, sky: Sky, *, everything: bool) -> None:
        self._sky = sky
        self._project = WeatherProject(BARE, sky)
        self._deployment = Deployment(folder, repository=repository)
        self._deployment.project = self._project
        self._deployment.session = WeatherSession
        self._deployment.wait = sky.clock.wait
        if hasattr(self._deployment, "now"):
            self._deployment.now = sky.clock.now
        self._options: tuple[str, ...] = ()
        if everything:
            self._deployment.settings |= _EVERYTHING
            del self._deployment.settings["MAIL_WITHOUT_UNSUBSCRIBE"]
            self._options = ("--console", "--firestore-rules")

    def _run(self, *options: str) -> Outcome:
        return self._deployment.deploy(*self._options, *options)

    def first(self) -> float:
        """A first deployment, another one, and a check; how long the first took, in seconds."""
        _expect(self._run(), 0, "the first run")
        seconds = self._sky.clock.seconds
        # What was made last is seen by all by then.
        self._sky.clock.wait(PATIENCE)
        self._settled()
        return seconds

    def _settled(self) -> None:
        _expect(second := self._run(), 0, "the second run")
        if changes := self._deployment.changes:
            raise _Wrong(f"the second run wrote {changes}\n{second.output[-2000:]}")
        _expect(self._run("--check"), 0, "the check")

    def without_end(self) -> float:
        """A first deployment in weather that never clears, and another one when it has; as `first`."""
        outcome = self._run()
        if self._sky.strikes[self._sky.never] == 0:
            # What it hides was not made.
            _expect(outcome, 0, f"the first run, without {self._sky.never}")
            return self._sky.clock.seconds
        _expect(outcome, 1, f"the first run, in which {self._sky.never} never clears")
        seconds = self._sky.clock.seconds
        if not PATIENCE * 0.7 <= (late := seconds - self._project.made_at) <= PATIENCE * 1.2:
            raise _Wrong(f"ended {late:.0f} s after the last thing that it made ({self._sky.never})\n{_end(outcome)}")
        name = re.split(r"[/ :]", self._sky.hidden.partition("@")[0].removesuffix(".googleapis.com"))[-1]
        for said in (name, "again"):
            if said not in outcome.errors:
                raise _Wrong(f"does not say {said!r}, of {self._sky.hidden} ({self._sky.never})\n{_end(outcome)}")
        self._sky.is_clear = True
        self._sky.clock.wait(60)
        _expect(self._run(), 0, f"the run after {self._sky.never}")
        self._sky.clock.wait(PATIENCE)
        self._settled()
        return seconds


def _expect(outcome: Outcome, status: int, which: str) -> None:
    if outcome.status != status:
        raise _Wrong(f"{which} ended with status {outcome.status}, not {status}\n{_end(outcome)}")


def _end(outcome: Outcome) -> str:
    return f"{outcome.output[-1200:]}\n--- errors:\n{outcome.errors[-1800:]}"
