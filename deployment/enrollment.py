"""Whom the dispatcher enrolls. A first deployment must say it: everybody whom it enrolls gets a report with its first
run.

docs/guides/deployment.md explains the choices.
"""

from deployment.cloud_run.running import is_there, running_variable
from deployment.run import Run
from deployment.stopped import Stopped

_WIDTH = ("none", "marked", "all")


def require_enrollment(run: Run) -> None:
    """Where the settings do not say it, it stays as it is: a variable that CI has lost must enroll nobody. Where it is
    wider than what runs, a person says how many users are meant."""
    enroll, settings = run.settings.enroll, run.settings
    if enroll and (enroll == "none" or settings.enroll_at_once):
        return
    if not is_there(run, "dispatcher"):
        if enroll:
            return
        raise Stopped(
            f'ENROLL is not set: whom does the pipeline give the report "{settings.default_kind}" '
            f"({settings.default_cadence})? Nothing was changed.",
            'ENROLL=all: each user in "users" whose "active" is true, also those who are there already. They get it '
            "with "
            "the first run.",
            'ENROLL=marked: only users in whose document your application writes "enrolled_at": null.',
            "ENROLL=none: nobody. Your application writes all subscriptions itself.",
            "Set one of them in deploy.env or the environment. ./reports users would-enroll --enroll all counts who "
            "would get what.",
            'docs/guides/deployment.md explains it under "Who gets reports".',
        )
    # Versions without this setting enrolled everybody.
    before = running_variable(run, "dispatcher", "ENROLL") or "all"
    if not enroll:
        run.settings = settings.model_copy(update={"enroll": before, "given": {**settings.given, "ENROLL": before}})
    elif not run.options.check and _WIDTH.index(enroll) > _WIDTH.index(before):
        raise Stopped(
            f"ENROLL={enroll} is wider than ENROLL={before}, which runs: the next run would send email to users who "
            "get none today. Nothing was changed.",
            f"./reports users would-enroll --enroll {enroll} counts who would get what.",
            "To go on, say how many users a run may enroll: ENROLL_AT_ONCE=500, for example. A run that meets more "
            "enrolls none, and tells people.",
        )
