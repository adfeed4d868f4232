"""Deploys services of Cloud Run that differ from what runs, side by side: builds take minutes, and do not wait for each
other."""

from collections.abc import Iterator, Sequence
from functools import partial

from deployment.cloud_run.builds import Image, build, build_request, upload_request
from deployment.cloud_run.comparison import Comparison, Wanted, deployed_image
from deployment.cloud_run.running import read_service, settled_service
from deployment.cloud_run.side_by_side import side_by_side
from deployment.cloud_run.traffic import Function, State
from deployment.engine.discovery import Request, Resource
from deployment.engine.google_error import GoogleError
from deployment.resources.services import REVISION, SERVICE
from deployment.run import Run
from deployment.stopped import Stopped

_PASSING = {
    *("SECRETS_ACCESS_CHECK_FAILED", "CONTAINER_IMAGE_AUTHORIZATION_CHECK_FAILED", "CONTAINER_PERMISSION_DENIED"),
    *("ENCRYPTION_KEY_PERMISSION_DENIED", "ENCRYPTION_KEY_CHECK_FAILED"),
}
"""Why a revision fails whose account, or Cloud Run's own, has had a role for a moment only."""


def deploy_services(run: Run, wanted: Sequence[Wanted]) -> set[str]:
    """Plan to deploy those services that differ from what runs; return their names."""
    report, changing = run.report, []
    for each in side_by_side(lambda one: _compare(run, one, read_service(run, one.name)), wanted):
        if each.function is not None and each.differing:
            report.differs(each.what, each.differing)
        if each.function is not None and each.stays_rolled_back:
            report.by_hand(
                f"{each.what} was rolled back and stays so: {each.function.serving} serves, and not the newest "
                "revision.",
                f"To send all traffic to the newest: {run.options.itself} --promote --only={each.wanted.name}",
            )
        if each.changes:
            changing.append(each)
        else:
            report.note("unchanged", each.what)
    for each in changing:
        run.act(each.changes, [*_planned(each)], partial(_deploy, each), what=each.what, together="services")
    return {each.wanted.name for each in changing}


def _compare(run: Run, wanted: Wanted, service: Resource | None, image: Image | None = None) -> Comparison:
    image = image or wanted.image
    if service is None:
        return Comparison(run=run, wanted=wanted, function=None, image=image)
    function = Function(wanted.name, service)
    # Which of them has served before the canary, their times and labels say.
    if wanted.canary and function.state is State.CANARY:
        function = Function(wanted.name, service, run.client.all_of(REVISION, service["name"]))
    image = image or deployed_image(run.settings, wanted.source, service)
    return Comparison(run=run, wanted=wanted, function=function, image=image)


def _planned(comparison: Comparison) -> Iterator[Request]:
    if comparison.is_built:
        yield upload_request(comparison.run.settings, comparison.wanted.source)
        yield build_request(comparison.run.settings, comparison.wanted.source)
    yield comparison.request()


def _deploy(comparison: Comparison) -> None:
    """Make a service what it is to be. Threads do it side by side."""
    run, wanted = comparison.run, comparison.wanted
    image = build(run, wanted.source) if comparison.is_built else comparison.image
    # A build takes a while, in which somebody may have changed the service.
    current = _compare(run, wanted, settled_service(run, wanted.name), image)
    if not current.changes:
        return

    def is_done() -> Resource | None:
        nonlocal current
        current = _compare(run, wanted, settled_service(run, wanted.name), image)
        return None if current.changes or current.function is None else current.function.service

    def passes() -> bool:
        return not _PASSING.isdisjoint(_reasons(run, wanted.name))

    try:
        run.client.send_anew(lambda: current.request(), kind=SERVICE, is_done=is_done, passes=passes)
    except GoogleError as error:
        if not error.of_what_was_begun:
            raise
        raise Stopped(
            f"{current.what} is not ready: {error.message}",
            "The revision before goes on serving. If the new one did not start, the log whose address is above says "
            "why.",
        ) from None


def _reasons(run: Run, name: str) -> set[str]:
    """What the conditions of a service and of its newest revision give as their reasons.
    https://cloud.google.com/run/docs/reference/rest/v2/Condition#CommonReason"""
    service = read_service(run, name) or {}
    revision = service.get("latestCreatedRevision")
    newest = run.client.read_if_there(REVISION.method("get").request(revision)) if revision else None
    conditions = [service.get("terminalCondition", {}), *service.get("conditions", [])]
    return {each.get("reason", "") for each in [*conditions, *(newest or {}).get("conditions", [])]}
