"""One run for one test user, from the schedule to the delivery record. The subscription is a sandbox's: no one gets the
email."""

from deployment.engine.google_error import GoogleError
from deployment.firestore_documents import Documents
from deployment.resources.queues import rate_of_the_ramp
from deployment.resources.schedule import JOB
from deployment.run import Run
from deployment.stopped import Stopped

_SECONDS = 180
"""Long enough for a cold start of both functions and a first retry."""


def smoke_test(run: Run) -> None:
    run.report.step("smoke", "Smoke test")
    settings = run.settings
    # A new user each time: the pipeline sends no report twice.
    user = f"{settings.prefix}-smoke-test-{int(run.now().timestamp())}"
    run.report.planned(f"a run of the job {settings.job}, with the test user {user}")
    run.act([], [], lambda: _test(run, user))


def _test(run: Run, user: str) -> None:
    settings = run.settings
    documents = Documents(run.client, settings.database_name, run.wait)
    delivery = documents.add_test_user(
        user, settings.smoke_test_address or settings.mail_from, settings.default_kind, run.now()
    )
    run.client.send(JOB.method("run").request(f"{settings.place}/jobs/{settings.job}", {}))
    run.report.say(f"  waiting for {delivery}, for at most {_SECONDS} seconds")
    try:
        outcome = documents.await_delivery(delivery, _SECONDS)
    except GoogleError as error:
        # The test user is to be deleted all the same.
        outcome = str(error)
    documents.delete_test_user(user)
    if outcome:
        hints = [f"The functions' logs say why: https://console.cloud.google.com/run?project={settings.project_id}"]
        if rate_of_the_ramp(settings, run.now().date()) is not None:
            hints.append(
                "While a new domain is ramped up, the test waits behind the reports in the queue: ./reports queue show "
                "counts them."
            )
        raise Stopped(f"{outcome}.", *hints)
    run.report.say(f"  arrived: {delivery}")
