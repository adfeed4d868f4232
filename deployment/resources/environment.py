"""The variables of the functions and of the console. docs/reference/settings.md explains them."""

from collections.abc import Iterator

from deployment.resources.queues import queue_names
from deployment.resources.secrets import OF_PROVIDERS, own_secrets
from deployment.settings import OF_DISPATCHER, OF_WORKER, Settings
from functions.shared.named_brand import to_json

_OF_PAGE = ("BRAND_NAME", "BRAND_LOGO_URL", "BRAND_COLOR", "BRAND_URL")


def environment(settings: Settings, name: str, *, webhook_keys: str = "") -> dict[str, str]:
    """The variables of a function, or of the console, that are no secrets. One without a value is left out."""
    provider = settings.mail_provider
    kinds = {"DEFAULT_KIND": settings.default_kind, "DEFAULT_CADENCE": settings.default_cadence}
    sendgrid_host = settings.sendgrid_host if provider == "sendgrid" else ""
    # Those who may open the console are named in deploy.env; --console is on one run's command line.
    has_console = settings.console_operators or settings.console_viewers
    archive = settings.copies if settings.archive == "on" else ""
    queues = {"LOCATION": settings.region, "REPORT_QUEUES": ",".join(queue_names(settings))}
    own: dict[str, dict[str, str]] = {
        "dispatcher": {
            **queues,
            "CONTINUATION_QUEUE": settings.continuations,
            "WORKER_URL": settings.url("worker"),
            "DISPATCHER_URL": settings.url("dispatcher"),
            "TASKS_INVOKER": settings.account("tasks"),
            "SCHEDULER_INVOKER": settings.account("scheduler"),
            "DEAD_LETTER_TOPIC": settings.topic,
            **kinds,
            "AUDIENCES": settings.audiences,
            "QUEUE_RATE": f"{settings.full_rate:g}" if settings.ramp_start else "",
            "MAIL_PROVIDER": provider,
            "SENDGRID_HOST": sendgrid_host,
            **{each: settings.value(each) for each in OF_DISPATCHER},
        },
        "worker": {
            "WORKER_URL": settings.url("worker"),
            "TASKS_INVOKER": settings.account("tasks"),
            "DEAD_LETTER_TOPIC": settings.topic,
            "MAX_ATTEMPTS": settings.max_attempts,
            **kinds,
            "ON_UNKNOWN_OUTCOME": settings.on_unknown_outcome,
            **(queues if "worker" in settings.task_makers else {}),
            "MAIL_PROVIDER": provider,
            "SENDGRID_HOST": sendgrid_host,
            "SENDGRID_LOGS": settings.value("SENDGRID_LOGS") if provider == "sendgrid" else "",
            "RESEND_HOST": settings.resend_host if provider == "resend" else "",
            "MAIL_FROM": settings.mail_from,
            "MAIL_FROM_NAME": settings.mail_from_name,
            **{each: settings.value(each) for each in (*OF_WORKER, *settings.kind_settings)},
            **({"PREFERENCES_URL": settings.url("preferences")} if settings.with_page else {}),
            "BRANDS": to_json(settings.brands),
            "ARCHIVE": archive,
        },
        "mail-events": {
            "DEAD_LETTER_TOPIC": settings.topic,
            **kinds,
            "MAIL_PROVIDER": provider,
            "SENDGRID_WEBHOOK_KEY": webhook_keys if provider == "sendgrid" else "",
        },
        "preferences": {
            "PREFERENCES_URL": settings.url("preferences"),
            **kinds,
            "MAIL_FROM_NAME": settings.mail_from_name,
            **{each: settings.value(each) for each in _OF_PAGE},
            "BRANDS": to_json(settings.brands),
            "ARCHIVE": archive,
        },
        "api": {
            "API_URL": settings.url("api"),
            "API_CALLERS": ",".join(settings.api_callers),
            **queues,
            "WORKER_URL": settings.url("worker"),
            "TASKS_INVOKER": settings.account("tasks"),
            **kinds,
            "PREFERENCES_URL": settings.url("preferences") if settings.with_page else settings.preferences_url,
            "BRANDS": to_json(settings.brands),
            "ARCHIVE": archive,
        },
        "dlq-handler": {
            "LOCATION": settings.region,
            "DLQ_HANDLER_URL": settings.url("dlq-handler"),
            "EVENTS_INVOKER": settings.account("events"),
            "KIND_OWNERS": settings.kind_owners,
            "CONSOLE_URL": settings.url("console") if has_console else "",
        },
        "console": {
            "LOCATION": settings.region,
            "PREFIX": settings.prefix,
            "CONSOLE_URL": settings.url("console"),
            # https://cloud.google.com/iap/docs/signed-headers-howto
            "CONSOLE_AUDIENCE": f"/projects/{settings.project_number}/locations/{settings.region}"
            f"/services/{settings.function('console')}",
            "CONSOLE_OPERATORS": settings.value("CONSOLE_OPERATORS"),
        },
    }
    every = {
        "GOOGLE_CLOUD_PROJECT": settings.project_id,
        "FIRESTORE_DATABASE": settings.firestore_database,
        "LOG_LEVEL": settings.log_level,
        "OUTCOMES_TOPIC": "" if name == "console" else settings.outcomes_topic,
        # That of functions-framework.
        "THREADS": "" if name == "console" else settings.size(name, "CONCURRENCY"),
    }
    return {variable: value for variable, value in {**every, **own[name]}.items() if value}


def secret_variables(settings: Settings, name: str) -> Iterator[str]:
    """The variables of a function, or of the console, that are secrets, also of such as there may not be."""
    provider = f"{settings.mail_provider.upper()}_"
    for variable, functions in {**OF_PROVIDERS, **own_secrets(settings)}.items():
        if name in functions and (variable not in OF_PROVIDERS or variable.startswith(provider)):
            yield variable
    if name == "worker":
        yield from settings.kind_secrets
    if name == "dlq-handler":
        yield from settings.owner_secrets
