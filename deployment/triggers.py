"""The Eventarc triggers by which older versions had dead letters delivered."""

from deployment.engine.declared import Declared, Kind
from deployment.engine.discovery import method
from deployment.run import Run
from functions.shared.project_files import deploy_command

TRIGGER = Kind(
    api="eventarc", version="v1", collection="projects.locations.triggers", operations="projects.locations.operations"
)


def remove_triggers(run: Run) -> None:
    """Delete them, once the subscription delivers dead letters. A message that comes in both ways changes nothing the
    second time."""
    settings, options = run.settings, run.options
    topic = f"projects/{settings.project_id}/topics/{settings.topic}"
    asked = method("pubsub", "v1", "projects.topics.subscriptions.list").request(topic)
    names = (run.client.read_if_there(asked) or {}).get("subscriptions", [])
    if not any("/subscriptions/eventarc-" in name for name in names):
        return
    is_delivered = f"projects/{settings.project_id}/subscriptions/{settings.topic}" in names
    if not (options.teardown or options.does("messaging") or is_delivered):
        run.report.warn(
            f"dead letters still come through Eventarc: run {deploy_command()} --only=messaging, and then this again."
        )
        return
    # Nothing else of the pipeline uses the interface, which may be off by now.
    if not run.client.where_off().all_of(TRIGGER, settings.place):
        return
    run.bring(
        [
            Declared(
                what="Eventarc trigger {name}",
                kind=TRIGGER,
                parent=settings.place,
                found_by={"transport": {"pubsub": {"topic": topic}}},
                absent=True,
            )
        ]
    )
