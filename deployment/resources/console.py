"""What the console's account may do, and who may open the console, which is behind Identity-Aware Proxy.

deployment/console.py deploys the service itself; docs/guides/console.md says who may do what there.
"""

from dataclasses import replace

from deployment.engine.declared import Declared, Kind
from deployment.engine.google_client import GoogleClient
from deployment.engine.policy import Grant
from deployment.resources.accounts import ACTS_AS, account
from deployment.resources.project import google_account, on_copies, on_database, project
from deployment.resources.queues import queue, queue_names
from deployment.resources.secrets import OF_PROVIDERS, reads, secret, secret_names
from deployment.resources.services import CALLS, service
from deployment.settings import Settings

PROXY = Kind(api="iap", version="v1", collection="v1", named="services")
_OPENS = "roles/iap.httpsResourceAccessor"


def console_account(settings: Settings) -> list[Declared]:
    """The account, and its roles on the project and on another account: to look, and with operators to act."""
    member, acts = settings.member("console"), bool(settings.console_operators)
    as_tasks = Grant(role=ACTS_AS, member=member)
    writes = on_database(settings, "console", "roles/datastore.user")
    # To show what was sent, and to erase it.
    copies = on_copies(settings, "console", "roles/storage.objectUser")
    has_copies = acts and settings.archive == "on"
    return [
        account(settings, "console"),
        project(
            settings,
            on_database(settings, "console", "roles/datastore.viewer"),
            *([writes] if acts else []),
            *([copies] if has_copies else []),
            takes_back=lambda grant: (
                (not acts and (grant.role, grant.member) == (writes.role, member))
                or (not has_copies and grant == copies)
            ),
            # Identity-Aware Proxy's own account is to call the service.
            asked_first={member: google_account(settings, "iap")[1]},
        ),
        account(
            settings,
            "tasks",
            *([as_tasks] if acts else []),
            takes_back=lambda grant: grant == as_tasks,
            policy_alone=True,
        ),
    ]


def console_roles(settings: Settings, client: GoogleClient) -> list[Declared]:
    there = secret_names(settings, client)
    member, acts = settings.member("console"), bool(settings.console_operators)
    # The settings that the functions run with, such as the sender.
    sees = Grant(role="roles/run.viewer", member=member)
    looks = Grant(role="roles/cloudtasks.viewer", member=member)
    roles = ("enqueuer", "taskRunner", "taskDeleter", "queueAdmin")
    moves = {Grant(role=f"roles/cloudtasks.{role}", member=member) for role in roles}
    own_reads = reads(settings, "console")
    provider = f"{settings.mail_provider.upper()}_"
    return [
        *(replace(service(settings, name, sees), takes_back=None) for name in ("dispatcher", "worker")),
        *(
            queue(
                settings,
                name,
                grants=(looks, *(sorted(moves, key=lambda each: each.role) if acts else ())),
                takes_back=lambda grant: grant in moves,
                policy_alone=True,
            )
            for name in queue_names(settings)
        ),
        # For a test email that an operator has sent to themselves.
        *(
            secret(
                settings,
                settings.secret(variable),
                *([own_reads] if acts and variable.startswith(provider) and "worker" in functions else []),
                takes_back=[own_reads],
            )
            for variable, functions in OF_PROVIDERS.items()
            if settings.secret(variable) in there
        ),
    ]


def console_callers(settings: Settings) -> list[Declared]:
    """That Identity-Aware Proxy alone calls the service, and lets in whom the settings name, and no one else."""
    name = f"{settings.prefix}-console"
    people = [
        each if ":" in each else f"user:{each}" for each in (*settings.console_operators, *settings.console_viewers)
    ]
    return [
        service(settings, "console", Grant(role=CALLS, member=google_account(settings, "iap")[0])),
        Declared(
            # Beside the service's own policy.
            what=f"the door of console {name}",
            kind=PROXY,
            parent=f"projects/{settings.project_number}/iap_web/cloud_run-{settings.region}",
            id=name,
            grants=tuple(Grant(role=_OPENS, member=each) for each in dict.fromkeys(people)),
            takes_back=lambda grant: grant.role == _OPENS,
            where=lambda _: f"console {name}",
            in_gcloud=f"iap web --resource-type=cloud-run --service={name} --region={settings.region}",
            policy_alone=True,
        ),
    ]
