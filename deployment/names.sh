# shellcheck shell=bash
# shellcheck disable=SC2034  # what is set here is read by the other files
# The names of everything. The prefix lets several environments share one project.

FUNCTIONS="dispatcher worker dlq-handler mail-events preferences"
# The pipeline's own top-level collections.
COLLECTIONS="deliveries mail_events mail_breaker runs dead_letters system_alerts alerts operator_actions"

set_names() {
  # In a domain-scoped project, example.com:name, accounts are at name.example.com.
  local domain="$PROJECT_ID"
  case "$PROJECT_ID" in *:*) domain="${PROJECT_ID#*:}.${PROJECT_ID%%:*}" ;; esac
  ACCOUNT_DOMAIN="$domain.iam.gserviceaccount.com"

  # A topic, and a subscription of the same name to it.
  TOPIC="$PREFIX-dead-letters"
  JOB="$PREFIX-dispatch"
  CONTINUATIONS="$PREFIX-continuations"
  REPOSITORY="$PREFIX-functions"
  TASKS_INVOKER="$PREFIX-tasks@$ACCOUNT_DOMAIN"
  SCHEDULER_INVOKER="$PREFIX-scheduler@$ACCOUNT_DOMAIN"
  EVENTS_INVOKER="$PREFIX-events@$ACCOUNT_DOMAIN"
  BUILDER="$PREFIX-build@$ACCOUNT_DOMAIN"
  # Where gcloud uploads what Cloud Build builds.
  SOURCES="$(sources_bucket)"
}

function_name() { echo "$PREFIX-$1"; }
account_of() { echo "$PREFIX-$1@$ACCOUNT_DOMAIN"; }

# Settings have capitals and underscores, resources small letters and hyphens.
CAPITALS=ABCDEFGHIJKLMNOPQRSTUVWXYZ_ SMALL=abcdefghijklmnopqrstuvwxyz-

# translate TEXT FROM TO: as tr does, which it would take a while to start for each of a hundred names.
translate() {
  local text="$1" index
  for ((index = 0; index < ${#2}; index++)); do text="${text//${2:index:1}/${3:index:1}}"; done
  printf '%s' "$text"
}

# The secret behind a variable: SENDGRID_API_KEY is report-sendgrid-api-key.
secret_name() { translate "$PREFIX-$1" "$CAPITALS" "$SMALL"; }

# Cloud Run's address of a service, known before there is one.
# https://cloud.google.com/run/docs/triggering/https-request#deterministic
url_of() { echo "https://$(function_name "$1")-$PROJECT_NUMBER.$REGION.run.app"; }

# The name of gcloud's own bucket for sources. With a long name gcloud shortens the region; then this ends with the hyphen
# before it. https://cloud.google.com/run/docs/deploying-source-code
sources_bucket() {
  local name
  name="run-sources-$(echo "$PROJECT_ID" | tr ':.' '__' | sed 's/google/elgoog/g')-"
  if [ $((${#name} + ${#REGION})) -le 63 ]; then name="$name$REGION"; fi
  echo "$name"
}

# The report queues, a line each: reports, reports-2, reports-3.
queue_names() {
  local number=2
  echo "$QUEUE_NAME"
  while [ "$number" -le "$QUEUES" ]; do
    echo "$QUEUE_NAME-$number"
    number=$((number + 1))
  done
}
