"""What the environment of a drill has beside what the deployment makes: the sink, and with kills another worker."""

from deployment.cloud_run.builds import Source
from deployment.cloud_run.comparison import Wanted
from deployment.cloud_run.service import deploy_services
from deployment.cloud_run.sources import MAIN, Files, function_source
from deployment.engine.discovery import method
from deployment.engine.google_client import GoogleClient
from deployment.engine.policy import Grant
from deployment.functions import wanted_service
from deployment.resources.firestore import BUCKET, DATABASE
from deployment.resources.services import CALLS, SERVICE, service
from deployment.run import Run
from deployment.settings import Settings
from functions.shared.project_files import PIPELINE

SINK = "sink"

_FILES = (
    *("proof/__init__.py", *(f"proof/drill/{name}.py" for name in ("__init__", "records", "sink", "users", "worker"))),
    *("local_pipeline/__init__.py", "local_pipeline/inbox/__init__.py", "local_pipeline/inbox/sendgrid.py"),
)


def deploy_extras(run: Run, *, kills: bool) -> None:
    """Deploy the sink, and with kills the worker once more, as one whose process exits.

    Args:
        run: of an environment that is deployed.
        kills: see above.

    Raises:
        GoogleError: a request failed.
        Stopped: a build failed, or a function did not start.
    """
    worker = wanted_service(run, "worker", _source("worker", "worker"), function="worker")
    sink = Wanted(
        name=SINK,
        # Its packages are among those of mail_events.
        source=Source(service=run.settings.function(SINK), files=_source("mail_events", SINK), function=SINK),
        # The worker has the database and the key, which is all that the sink needs.
        configure=lambda: worker.configure() | {"ingress": "INGRESS_TRAFFIC_ALL"},
    )
    deploy_services(run, [sink, *([worker] if kills else [])])
    run.bring([service(run.settings, SINK, Grant(role=CALLS, member="allUsers"))])
    run.carry_out()


def remove_extras(settings: Settings, client: GoogleClient) -> None:
    """Remove what a teardown leaves: the sink, the database, and the bucket for sources.

    Raises:
        GoogleError: a request failed.
    """
    for kind, name in (
        (SERVICE, f"{settings.place}/services/{settings.function(SINK)}"),
        (DATABASE, settings.database_name),
    ):
        client.send(kind.method("delete").request(name), kind=kind)
    bucket = settings.sources
    listed = client.read_if_there(method("storage", "v1", "objects.list").request(bucket)) or {}
    for each in listed.get("items", []):
        client.send(method("storage", "v1", "objects.delete").request(bucket, query={"object": each["name"]}))
    client.send(BUCKET.method("delete").request(bucket))


def _source(function: str, module: str) -> Files:
    """What a function is built of, with a module of the drill in place of its own."""
    return {
        **function_source(PIPELINE, function),
        **{name: (PIPELINE / name).read_bytes() for name in _FILES},
        "main.py": MAIN.format(module=f"proof.drill.{module}", function=module).encode(),
    }
