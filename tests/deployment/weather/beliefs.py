"""What we believe about Google (and the email providers), each with its source: what the weather plays, and what the
runtime rests on. docs/reference/beliefs.md is made from it."""

from dataclasses import dataclass

_TERRAFORM = "https://github.com/hashicorp/terraform-provider-google"
_PREDICATES = f"[Terraform's retries]({_TERRAFORM}/blob/main/google/transport/error_retry_predicates.go)"
_PROPAGATION = "[access change propagation](https://cloud.google.com/iam/docs/access-change-propagation)"


def _issue(number: int, text: str) -> str:
    return f"[{text}]({_TERRAFORM}/issues/{number})"


@dataclass(frozen=True, kw_only=True)
class Belief:
    """One of them.

    Attributes:
        id: its name here, and the anchor in the page.
        says: what we believe.
        source: who says so, as links.
        rests: what of the pipeline rests on it.
        wrong: what happens if it is wrong.
        seconds: for what the weather plays: how long it lasts at most; 0 if it does not pass, or comes and goes.
        is_seen: whether we have seen it on Google Cloud ourselves.
    """

    id: str
    says: str
    source: str
    rests: str
    wrong: str
    seconds: float = 0
    is_seen: bool = False


_STOPS = "A deployment stops with Google's error; the next one goes on."
_LONGER = "If it takes more than ten minutes, the deployment stops and says so; the next one goes on."
_DRIFT = "`--check` names a difference that there is not, and each deployment writes again what is as it should be."

OF_DEPLOYMENT: tuple[Belief, ...] = (
    Belief(
        id="api-warming",
        says="An API that is on, and whose operation is done, still answers `SERVICE_DISABLED` for some minutes, and by "
        "turns with answers.",
        source=f"[the error itself]({_TERRAFORM}/issues/4142) says to wait some minutes; "
        + _issue(2129, "APIs that are on before they answer"),
        rests="The first requests to each API.",
        wrong=_LONGER,
        seconds=480,
    ),
    Belief(
        id="api-forbidden",
        says="An API that is on may first answer 403 without a reason.",
        source=f"{_PREDICATES}: `IsMonitoringPermissionError`; "
        + _issue(1642, "the caller does not have permission, after enabling"),
        rests="The first requests to each API.",
        wrong=_LONGER,
        seconds=480,
    ),
    Belief(
        id="operation-names",
        says="Operations of Service Usage are called `operations/…`, below no project, and leave `done` out while they "
        "run.",
        source="[Service Usage](https://cloud.google.com/service-usage/docs/reference/rest/v1/operations/get)",
        rests="Waiting until APIs are on, and until a service's own account is there.",
        wrong="A deployment does not wait for them, and meets `SERVICE_DISABLED` for longer.",
    ),
    Belief(
        id="enable-fails",
        says="Turning APIs on may end in the internal error 160009, with some of them on: asking again helps.",
        source=f"{_PREDICATES}: `ServiceUsageInternalError160009`; " + _issue(14691, "the report"),
        rests="The step `apis`.",
        wrong=_STOPS,
    ),
    Belief(
        id="enable-in-progress",
        says="Turning an API on that is just being turned on answers 400 `FAILED_PRECONDITION`, once or twice.",
        source=f"{_PREDICATES}: `ServiceUsageServiceBeingActivated`",
        rests="The step `apis`.",
        wrong=_STOPS,
    ),
    Belief(
        id="operations-run",
        says="Operations take their time, and what they make may be there before they end.",
        source="[AIP-151](https://google.aip.dev/151)",
        rests="The database, the image repository, and the services of Cloud Run.",
        wrong=_STOPS,
    ),
    Belief(
        id="account-unseen",
        says="A new service account is not there for reads of it, for up to two minutes: 404, or 403 `denied on resource "
        "(or it may not exist)`.",
        source=_issue(15042, "403 after creation")
        + ", "
        + _issue(18087, "404 after creation")
        + "; [IAM](https://cloud.google.com/python/docs/reference/iam/latest/google.cloud.iam_admin_v1.services.iam): "
        "each read is eventually consistent",
        rests="The step `accounts`.",
        wrong=_LONGER,
        seconds=120,
    ),
    Belief(
        id="flapping",
        says="What was seen once may be unseen again, since each request comes to another server.",
        source="[three reads in a row, in Terraform]"
        "(https://github.com/GoogleCloudPlatform/magic-modules/pull/14447); "
        + _issue(22546, "an account that disappears again"),
        rests="That one request succeeds says nothing of the next one.",
        wrong="A deployment waits where it need not.",
    ),
    Belief(
        id="member-unknown",
        says="A policy that names a new account is refused: 400 `Service account … does not exist`, in each service for a "
        "time of its own.",
        source=f"{_PREDICATES}: `IamServiceAccountNotFound`; "
        + _issue(2939, "policies that name new accounts"),
        rests="All roles of the pipeline's accounts, and of the services' own.",
        wrong=_LONGER,
        seconds=120,
    ),
    Belief(
        id="act-as",
        says="What is to run as a new account is refused: 403 `iam.serviceAccounts.actAs`, though the caller may.",
        source="[a pause after creation, in Terraform](https://github.com/GoogleCloudPlatform/magic-modules/pull/10813); "
        f"{_PROPAGATION}",
        rests="Builds, services, the scheduler's job, and the subscriptions that push.",
        wrong=_LONGER,
        seconds=120,
    ),
    Belief(
        id="lists-lag",
        says="A list lacks for some time what a read by its name has.",
        source="[IAM](https://cloud.google.com/python/docs/reference/iam/latest/google.cloud.iam_admin_v1.services.iam), "
        "[Secret Manager](https://cloud.google.com/secret-manager/docs/reference/consistency): reads are eventually "
        "consistent",
        rests="Finding what is there by a list: accounts, secrets, queues, alert policies, channels.",
        wrong="A deployment makes what is there, which Google refuses with `ALREADY_EXISTS`, or makes a second one.",
        seconds=120,
    ),
    Belief(
        id="stale-policy",
        says="A policy that is read may be the one before the last change; its etag tells, when it is written.",
        source="[IAM](https://cloud.google.com/python/docs/reference/iam/latest/google.cloud.iam_admin_v1.services.iam): "
        "a read may return an older version, and writes are in order",
        rests="Each policy is read, changed, and written with its etag.",
        wrong="A role that somebody has just granted is gone.",
        seconds=120,
    ),
    Belief(
        id="grant-build",
        says="The role of the account that builds takes effect up to seven minutes later: until then the build cannot "
        "fetch its source, or push its image.",
        source=f"{_PROPAGATION}; [could not resolve source](https://github.com/google/mcp-security/issues/132)",
        rests="The first builds.",
        wrong=_LONGER,
        seconds=420,
    ),
    Belief(
        id="grant-secret",
        says="The role that lets a service read a secret takes effect up to seven minutes later: until then its revision "
        "is not ready, and the operation ends in an error.",
        source=f"{_PROPAGATION}; "
        "[the error](https://github.com/terraform-google-modules/terraform-docs-samples/pull/168)",
        rests="The first revisions.",
        wrong=_LONGER,
        seconds=420,
    ),
    Belief(
        id="database-unseen",
        says="A new database of Firestore is not there for some time, for reads of it, of its indexes and fields, and "
        "for their changes: 404.",
        source=_issue(22533, "404, 83 ms after the operation was done"),
        rests="The step `firestore`.",
        wrong=_LONGER,
        seconds=120,
    ),
    Belief(
        id="secret-unseen",
        says="A new secret is not there for some time, for reads, policies and versions of it. A version by its number "
        "is there at once.",
        source="[Secret Manager](https://cloud.google.com/secret-manager/docs/reference/consistency); "
        + _issue(7298, "no version of a new secret"),
        rests="The step `secrets`.",
        wrong=_LONGER,
        seconds=240,
    ),
    Belief(
        id="topic-unseen",
        says="A new topic or subscription is not there for some time, for its policy, and a topic for its subscriptions.",
        source=_issue(2384, "no policy of a new topic") + ", " + _issue(524, "no subscription of a new topic"),
        rests="The step `messaging`.",
        wrong=_LONGER,
        seconds=120,
    ),
    Belief(
        id="service-unseen",
        says="A new service of Cloud Run is not there for some time, for its policy and for Identity-Aware Proxy: 404 "
        "`of kind 'SERVICE' … does not exist`.",
        source="[a policy of a new service](https://github.com/GoogleCloudPlatform/solutions-builder/issues/37)",
        rests="Who may call the functions and the console.",
        wrong=_LONGER,
        seconds=120,
    ),
    Belief(
        id="other-unseen",
        says="So it is with new queues, jobs and image repositories. We found no report of it.",
        source="[AIP-121](https://google.aip.dev/121#strong-consistency) asks for the contrary, also of those above",
        rests="The steps `messaging`, `functions` and `scheduler`.",
        wrong="A deployment is more patient than it need be.",
        seconds=120,
    ),
    Belief(
        id="metric-unknown-to-alerts",
        says="An alert policy on a new metric is refused for up to ten minutes: 404 `Cannot find metric(s)`.",
        source=_issue(11102, "the error, which says how long"),
        rests="The step `monitoring`.",
        wrong=_LONGER,
        seconds=480,
    ),
    Belief(
        id="metric-unknown-to-objectives",
        says="An objective on a metric without a point is refused: 400 `The metric referenced by the provided filter is "
        "unknown`. It becomes known with time; whether it does without a point, nobody says.",
        source="[the error](https://github.com/GoogleCloudPlatform/cloud-ops-sandbox/issues/896)",
        rests="The objective, and the alerts on its error budget.",
        wrong="The first deployment ends without its objective, and says so; a later one makes it.",
        seconds=480,
    ),
    Belief(
        id="conflict",
        says="A change may be refused since another one is under way, or was a moment ago: 409 `ABORTED`. Asking again, "
        "after a new read if there is an etag, helps.",
        source=f"{_PREDICATES}: policies, `IsMonitoringConcurrentEditError`, `FirestoreIndex409Retry`, "
        "`FirestoreField409RetryUnderlyingDataChanged`, `Is409SyncMutateCannotBeQueuedError`",
        rests="All changes.",
        wrong=_STOPS,
    ),
    Belief(
        id="rate-limit",
        says="Any request may be refused with 429, and `Retry-After` says how long: until then it is refused again.",
        source=f"{_PREDICATES}: `isCommonRetryableErrorCode`; [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#field.retry-after)",
        rests="All requests.",
        wrong=_STOPS,
    ),
    Belief(
        id="unavailable",
        says="Any request may fail with 500, 502 or 503, and succeed later.",
        source=f"{_PREDICATES}: `isCommonRetryableErrorCode`",
        rests="All requests.",
        wrong=_STOPS,
    ),
    Belief(
        id="defaults-left-out",
        says="What is a default or empty is left out of answers: false, 0, empty texts and lists, and the first value of "
        "an enum, such as `STRING` of a metric's label.",
        source="[Protocol Buffers' JSON](https://protobuf.dev/programming-guides/json/#presence)",
        rests="Comparing what is there with what ought to be.",
        wrong=_DRIFT,
    ),
    Belief(
        id="own-fields",
        says="Answers have fields that nobody has sent: times, names of conditions, and what Google fills in, such as the "
        "probe of a container.",
        source="`default_from_api` in [Terraform's resources](https://github.com/GoogleCloudPlatform/magic-modules/tree/main/mmv1/products)",
        rests="Comparing only what is declared.",
        wrong=_DRIFT,
    ),
    Belief(
        id="number-for-id",
        says="Secret Manager and Cloud Monitoring say the project's number in names that were made with its id.",
        source="[names of secrets](https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets), "
        "[of dashboards](https://cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards)",
        rests="Finding resources by their names.",
        wrong=_DRIFT,
    ),
    Belief(
        id="other-order",
        says="Lists come in another order than they were sent or read before: pages, roles and their members, labels of a "
        "metric, variables of a service.",
        source=_issue(7467, "variables of Cloud Run")
        + "; labels are a set in [Terraform's metric]"
        "(https://github.com/GoogleCloudPlatform/magic-modules/blob/main/mmv1/products/logging/Metric.yaml)",
        rests="Comparing lists without their order.",
        wrong=_DRIFT,
    ),
)

PLAYED = {each.id: each for each in OF_DEPLOYMENT}
"""What the weather plays, by its id."""

OF_RUNTIME: tuple[Belief, ...] = (
    Belief(
        id="storage-consistent",
        says="Cloud Storage is consistent: an object is there for reads and lists once it is written, and "
        "`ifGenerationMatch=0` lets one of two writers through.",
        source="[consistency](https://cloud.google.com/storage/docs/consistency), "
        "[preconditions](https://cloud.google.com/storage/docs/request-preconditions)",
        rests="The lock of a deployment, which the weather leaves alone, and archived copies.",
        wrong="Two deployments at once; a report that is built twice.",
    ),
    Belief(
        id="tasks-twice",
        says="Cloud Tasks runs a task more than once, in less than 0.001 % of cases, and also side by side.",
        source="[issues and limitations](https://cloud.google.com/tasks/docs/common-pitfalls)",
        rests="A claim before each email (`functions/shared/firestore/delivery_store.py`).",
        wrong="Nothing: the claim costs its write anyway.",
    ),
    Belief(
        id="tasks-names",
        says="Cloud Tasks refuses the name of a task that exists or did lately; that of a deleted queue for some days.",
        source="[tasks.create](https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks/create)",
        rests="A run that is repeated makes no second task (`functions/shared/records/delivery.py`).",
        wrong="More tasks, which the claim stops; no second email.",
    ),
    Belief(
        id="tasks-retry",
        says="Cloud Tasks tries again after each answer but 2xx, and `X-CloudTasks-TaskRetryCount` counts all tries.",
        source="[HttpRequest](https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks#HttpRequest), "
        "[handlers](https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler)",
        rests="The dead letter of the last attempt (`functions/worker/attempt_end.py`).",
        wrong="The dispatcher finds the task that ended without a dead letter, at the next run.",
    ),
    Belief(
        id="tasks-gone",
        says="Reading a task answers `NOT_FOUND` only once it has succeeded or was tried for the last time.",
        source="[tasks.get](https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues.tasks/get)",
        rests="What counts as lost (`functions/dispatcher/rescue/waiting_tasks.py`).",
        wrong="A report gets a second task; the claim allows one of them.",
    ),
    Belief(
        id="firestore-precondition",
        says="A write of Firestore with a precondition is carried out on exactly the document that was read, or refused.",
        source="[Precondition](https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#precondition)",
        rests="The claim, in place of a transaction (`functions/shared/firestore/delivery_store.py`).",
        wrong="Two workers send one report.",
    ),
    Belief(
        id="firestore-delete",
        says="`exists: false` on a delete of a document that is not there lets the commit through, and fails it if the "
        "document is there.",
        source="[Precondition](https://cloud.google.com/firestore/docs/reference/rpc/google.firestore.v1#precondition), "
        "which does not speak of deletes",
        rests="A commit that makes a user fails if the user is marked as erased (`functions/worker/read_audience.py`).",
        wrong="Each such commit is refused, and nobody is enrolled by a query; or an erased user comes back.",
    ),
    Belief(
        id="firestore-hotspots",
        says="Firestore takes 500 writes a second into an index whose values rise.",
        source="[shards](https://firebase.google.com/docs/firestore/solutions/shard-timestamp)",
        rests="The 30 shards of what is due (`functions/dispatcher/due_subscriptions.py`).",
        wrong="Runs are slower.",
    ),
    Belief(
        id="pubsub-again",
        says="Pub/Sub delivers a message at least once: also after it was acknowledged, and in any order.",
        source="[push and exactly-once delivery](https://cloud.google.com/pubsub/docs/exactly-once-delivery)",
        rests="Dead letters and outcomes have ids (`functions/dlq_handler/main.py`).",
        wrong="Nothing.",
    ),
    Belief(
        id="run-cpu",
        says="Between requests, Cloud Run gives an instance next to no CPU, and may end it.",
        source="[billing by requests](https://cloud.google.com/run/docs/configuring/billing-settings)",
        rests="All that a function does ends before its answer.",
        wrong="Nothing.",
    ),
    Belief(
        id="run-url",
        says="A service's address follows from its name, the project's number and the region.",
        source="[deterministic URL](https://cloud.google.com/run/docs/triggering/https-request#deterministic)",
        rests="The audience of tokens, which is known before the service is there.",
        wrong="All calls between functions are refused, from the first run on.",
    ),
    Belief(
        id="scheduler-again",
        says="Cloud Scheduler may start a run twice, or late.",
        source="[at least once](https://cloud.google.com/scheduler/docs/overview)",
        rests="A run is named by its time, and its tasks by their deliveries.",
        wrong="Nothing.",
    ),
    Belief(
        id="sendgrid-accepted",
        says="SendGrid's 202 means that it will send; after 500, 502 and 504 nobody knows.",
        source="[status codes](https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send), "
        "[RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-15.6)",
        rests="Which outcomes are unknown (`functions/worker/destinations/email/sendgrid/api.py`).",
        wrong="A report is doubled or lost that counts as refused or sent.",
    ),
    Belief(
        id="sendgrid-logs",
        says="SendGrid's logs show an email within minutes; it promises no time.",
        source="[Email Activity](https://www.twilio.com/docs/sendgrid/api-reference/email-activity)",
        rests="`SETTLING_MINUTES`, and `resend-if-absent` (`functions/worker/absence.py`).",
        wrong="With `resend-if-absent` and without mail events, an email is doubled.",
    ),
    Belief(
        id="resend-key",
        says="Resend sends one email for an idempotency key, for 24 hours.",
        source="[idempotency keys](https://resend.com/docs/dashboard/emails/idempotency-keys)",
        rests="A repeat within the time is safe with `MAIL_PROVIDER=resend`.",
        wrong="An email is doubled after an unknown outcome.",
    ),
    Belief(
        id="chat-key",
        says="Google Chat makes one message for a `requestId`; it does not say for how long, and the worker counts on 24 "
        "hours.",
        source="[spaces.messages.create](https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create)",
        rests="A repeat is safe (`functions/worker/destinations/chat/`).",
        wrong="A message is doubled after an unknown outcome.",
    ),
)
"""What the functions rest on, and the weather does not play."""
