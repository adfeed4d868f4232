"""First deployments in the weather, and what must come of them."""

import contextlib
import enum
import re
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.deployment.conftest import BARE, Deployment, Outcome
from tests.deployment.weather.clock import VirtualClock
from tests.deployment.weather.google import WeatherProject, WeatherSession
from tests.deployment.weather.sky import Sky

PATIENCE = 600
"""In seconds: how long something counts as new."""

NEVER = {
    "account-unseen": "{name}",
    "act-as": "{name}",
    "api-warming": "{name}",
    "database-unseen": "{name}",
    "grant-build": "{name}",
    "grant-image": "{name}",
    "grant-secret": "{name}",
    "member-unknown": "{name}",
    "metric-unknown-to-objectives": "{name}|serviceLevelObjectives",
    "objective-unknown-to-alerts": "{name}|alert policy",
    "secret-unseen": "{name}",
    "service-unseen": "{name}",
    "topic-unseen": "{name}",
}
"""What may last in weather that never clears, one of them at a time, and what a deployment then names, as a pattern:
what was hidden, or what was to be made."""

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


class Course(enum.StrEnum):
    """How a trial goes."""

    AT_ONCE = "one run, to its end"
    KILLED = "a run that is killed after one of its writes, and another one a minute later"
    NEVER = "weather that never clears, and another run when it has"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a seed.

    Attributes:
        seed: of the weather.
        wrong: what went wrong; empty if nothing did.
        strikes: how often each belief has struck.
        seconds: how long it took until the pipeline was deployed, on the virtual clock.
    """

    seed: int
    wrong: str
    strikes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0


class _Wrong(Exception):
    """What a deployment did is not what it must."""


def judge(seed: int, repository: Path, course: Course = Course.AT_ONCE, *, everything: bool) -> Verdict:
    """Deploy a bare project, in weather of a seed.

    Args:
        seed: of the weather.
        repository: what is deployed.
        course: how the trial goes.
        everything: whether with all that can be asked for.
    """
    sky = Sky(seed, VirtualClock(), never=list(NEVER)[seed % len(NEVER)] if course is Course.NEVER else "")
    with tempfile.TemporaryDirectory(prefix="weather-") as folder:
        trial = _Trial(Path(folder), repository, sky, everything=everything)
        wrong = trial.what_goes_wrong(course)
        return Verdict(seed=seed, wrong=wrong, strikes=sky.strikes, seconds=trial.seconds)


class _MortalSession(WeatherSession):
    """The session of a process that is killed after so many writes, and sends nothing more then."""

    def __init__(self, project: WeatherProject, left: int) -> None:
        super().__init__(project)
        self._left = left

    def request(self, method: str, url: str, **rest: Any) -> Any:
        """As that of any session."""
        if self._left < 0:
            raise KeyboardInterrupt
        answer = super().request(method, url, **rest)
        self._left -= answer.ok and method != "GET" and not url.endswith((":getIamPolicy", ":test"))
        if self._left < 0:
            raise KeyboardInterrupt
        return answer


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
        self.seconds = 0.0
        if everything:
            self._deployment.settings |= _EVERYTHING
            del self._deployment.settings["MAIL_WITHOUT_UNSUBSCRIBE"]
            self._options = ("--console", "--firestore-rules")

    def what_goes_wrong(self, course: Course) -> str:
        """Go a course; empty if nothing goes wrong."""
        try:
            match course:
                case Course.AT_ONCE:
                    self._deploy()
                case Course.KILLED:
                    self._be_killed_and_deploy()
                case Course.NEVER:
                    self._wait_in_vain_and_deploy()
            self._settle()
        except _Wrong as error:
            return str(error)
        return ""

    def _run(self, *options: str) -> Outcome:
        outcome = self._deployment.deploy(*self._options, *options)
        if self._project.too_early:
            raise _Wrong(f"started the job while {self._project.too_early} were being built\n{_end(outcome)}")
        return outcome

    def _deploy(self) -> None:
        """A first deployment, in one run."""
        _expect(self._run(), 0, "the first run")

    def _be_killed_and_deploy(self) -> None:
        """A first deployment that is killed, and one a minute later, which finds what the first one has just made."""
        left = self._sky.draw("killed").randint(1, 160)
        self._deployment.session = lambda _: _MortalSession(self._project, left)
        with contextlib.suppress(KeyboardInterrupt):
            self._run()
        self._deployment.session = WeatherSession
        self._sky.clock.wait(60)
        _expect(self._run("--break-lock"), 0, f"the run after the one that was killed after {left} writes")

    def _wait_in_vain_and_deploy(self) -> None:
        """A first deployment in weather that never clears, and another one when it has."""
        outcome = self._run()
        never = self._sky.never
        if self._sky.strikes[never] == 0:
            # What it hides was not made.
            return _expect(outcome, 0, f"the first run, without {never}")
        _expect(outcome, 1, f"the first run, in which {never} never clears")
        hidden = self._sky.hidden
        last = self._project.made_at
        if never in {"grant-build", "grant-image", "grant-secret"}:
            # Each try of a build or a revision makes one.
            last = max(made for name, made in self._project.born.items() if not re.search("/revisions/|/builds/", name))
        late = self._sky.clock.seconds - last
        # What is old by itself is waited for no more, though something else is new.
        made = [made for name, made in self._project.born.items() if name.endswith(hidden)]
        is_old = self._sky.clock.seconds - max(made, default=0) >= PATIENCE
        if late > PATIENCE * 1.35 or (late < PATIENCE * 0.7 and not is_old):
            raise _Wrong(f"ended {late:.0f} s after the last thing that it made ({never})\n{_end(outcome)}")
        name = re.split(r"[/ :]", hidden.partition("@")[0].removesuffix(".googleapis.com"))[-1]
        for pattern in (NEVER[never].format(name=re.escape(name)), r"\bagain\b"):
            if not re.search(pattern, outcome.errors):
                raise _Wrong(f"does not say {pattern!r}, of {hidden} ({never})\n{_end(outcome)}")
        if "a setting is not one that Google takes" in outcome.errors:
            raise _Wrong(f"blames a setting ({never})\n{_end(outcome)}")
        self._sky.is_clear = True
        self._sky.clock.wait(60)
        return _expect(self._run(), 0, f"the run after {never}")

    def _settle(self) -> None:
        """Another deployment, and a check, when all is seen by all."""
        self.seconds = self._sky.clock.seconds
        self._sky.clock.wait(PATIENCE)
        _expect(again := self._run(), 0, "the run after it")
        if changes := self._deployment.changes:
            raise _Wrong(f"the run after it wrote {changes}\n{again.output[-2000:]}")
        _expect(self._run("--check"), 0, "the check")


def _expect(outcome: Outcome, status: int, which: str) -> None:
    if outcome.status != status:
        raise _Wrong(f"{which} ended with status {outcome.status}, not {status}\n{_end(outcome)}")


def _end(outcome: Outcome) -> str:
    return f"{outcome.output[-1200:]}\n--- errors:\n{outcome.errors[-1800:]}"
