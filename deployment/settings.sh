# shellcheck shell=bash
# shellcheck disable=SC2034  # what is set here is read by the other files
# What the operator decides: command line first, then the environment, then the env file, then the defaults.

# The newest that Cloud Run offers: https://cloud.google.com/run/docs/runtimes/python
RUNTIME=python314
# The time that buildpacks give to every file of an image. https://github.com/buildpacks/lifecycle/issues/1358
IMAGE_TIME=315532801

# Variables of docs/reference/settings.md that the function has only where they are set: its own default holds otherwise.
OF_DISPATCHER="ENROLL ENROLL_AT_ONCE DISPATCH_TIME_LIMIT DISPATCH_SHARES RESTORED_AT RAMP_START RAMP_FIRST_DAY RAMP_GROWTH
COMPLAINT_ALERT_PERCENT COMPLAINT_STOP_PERCENT BOUNCE_ALERT_PERCENT BOUNCE_STOP_PERCENT BREAKER_LEAST_MAILS"
OF_WORKER="MAIL_REPLY_TO MAIL_POSTAL_ADDRESS MAIL_UNSUBSCRIBE_GROUP MAIL_UNSUBSCRIBE_URL MAIL_CHECK_UNSUBSCRIBED PREFERENCES_URL
MAIL_SANDBOX PROVIDER_PAUSE RESTORED_AT BRAND_NAME BRAND_LOGO_URL BRAND_COLOR BRAND_URL"

SETTINGS="PROJECT_ID REGION PREFIX QUEUE_NAME QUEUES FIRESTORE_DATABASE FIRESTORE_LOCATION FIRESTORE_DELETE_PROTECTION FIRESTORE_PITR FIRESTORE_BACKUPS FIRESTORE_BACKUP_RETENTION MAIL_FROM MAIL_FROM_NAME MAIL_PROVIDER SENDGRID_HOST SENDGRID_LOGS RESEND_HOST
DEFAULT_KIND DEFAULT_CADENCE ON_UNKNOWN_OUTCOME LOG_LEVEL SCHEDULE ALERT_EMAIL NOTIFICATION_CHANNELS SLO_PERCENT RUNBOOK_URL BUDGET $OF_DISPATCHER $OF_WORKER
DISPATCHER_MEMORY DISPATCHER_CPU DISPATCHER_CONCURRENCY DISPATCHER_MIN_INSTANCES DISPATCHER_MAX_INSTANCES
WORKER_MEMORY WORKER_CPU WORKER_CONCURRENCY WORKER_MIN_INSTANCES WORKER_MAX_INSTANCES
DLQ_HANDLER_MEMORY DLQ_HANDLER_CPU DLQ_HANDLER_CONCURRENCY DLQ_HANDLER_MIN_INSTANCES DLQ_HANDLER_MAX_INSTANCES
MAIL_EVENTS_MEMORY MAIL_EVENTS_CPU MAIL_EVENTS_CONCURRENCY MAIL_EVENTS_MIN_INSTANCES MAIL_EVENTS_MAX_INSTANCES
PREFERENCES_MEMORY PREFERENCES_CPU PREFERENCES_CONCURRENCY PREFERENCES_MIN_INSTANCES PREFERENCES_MAX_INSTANCES
MAIL_EVENTS SENDGRID_WEBHOOK_KEY CONSOLE_OPERATORS CONSOLE_VIEWERS DEPLOYER EXTRA_MEMBERS SMOKE_TEST_ADDRESS MAIL_WITHOUT_UNSUBSCRIBE"
# What was a setting, and is refused with the way out of it.
FORMER=PIPELINE_DATABASE
SECRETS="SENDGRID_API_KEY RESEND_API_KEY RESEND_WEBHOOK_SECRET SMTP_URL MAIL_UNSUBSCRIBE_KEY PREFERENCES_KEY SLACK_WEBHOOK_URL
ALERT_URLS OWNER_MAIL_URL"
# What the script itself gives to the functions, and what they read where Google is not Google. No kind of report may
# declare one of these names, nor one of SETTINGS, FORMER and SECRETS.
GIVEN="KIND_OWNERS GOOGLE_CLOUD_PROJECT LOCATION REPORT_QUEUES CONTINUATION_QUEUE WORKER_URL DISPATCHER_URL TASKS_INVOKER
SCHEDULER_INVOKER DLQ_HANDLER_URL EVENTS_INVOKER DEAD_LETTER_TOPIC MAX_ATTEMPTS QUEUE_RATE OIDC_CERTS_URL OIDC_ISSUER FIRESTORE_EMULATOR_HOST FIRESTORE_REST_EMULATOR_HOST
PUBSUB_EMULATOR_HOST CLOUD_TASKS_EMULATOR_HOST K_SERVICE K_REVISION K_CONFIGURATION FUNCTION_TARGET FUNCTION_SIGNATURE_TYPE LOG_EXECUTION_ID
CONSOLE_URL CONSOLE_AUDIENCE CONSOLE_KEY IAP_KEYS_URL"

is_one_of() {
  local wanted="$1" one
  shift
  for one in "$@"; do if [ "$one" = "$wanted" ]; then return 0; fi; done
  return 1
}

# read_env_file FILE: lines NAME=value, nothing is expanded or run. What the environment already has stays.
read_env_file() {
  local line name value holder number=0
  [ -r "$1" ] || fail "$1 cannot be read." "Copy deploy.env.example to deploy.env and fill it in, or name another with --env-file."
  while IFS= read -r line || [ -n "$line" ]; do
    number=$((number + 1))
    line="${line%$'\r'}"
    line="${line#"${line%%[![:space:]]*}"}"
    case "$line" in "" | "#"*) continue ;; esac
    line="${line#export }"
    name="${line%%=*}"
    # shellcheck disable=SC2086  # the lists are words
    if [ "$name" = "$line" ] || ! is_one_of "$name" $SETTINGS $FORMER $SECRETS $KIND_SETTINGS $KIND_SECRETS; then
      fail "$1, line $number: not one of the settings." "deploy.env.example lists them, as NAME=value; a kind's own are in its needs.yaml."
    fi
    value="${line#*=}"
    value="${value%"${value##*[![:space:]]}"}"
    case "$value" in
      \"*\") value="${value#\"}" value="${value%\"}" ;;
      \'*\') value="${value#\'}" value="${value%\'}" ;;
    esac
    holder="$(holder_of "$name")"
    if [ -z "${!holder+set}" ]; then printf -v "$holder" '%s' "$value"; fi
  done <"$1"
}

default() { if [ -z "${!1:-}" ]; then printf -v "$1" '%s' "$2"; fi; }

load_settings() {
  local name
  if [ -n "$ENV_FILE" ]; then
    read_env_file "$ENV_FILE"
  elif [ -f "$ROOT/deploy.env" ]; then
    read_env_file "$ROOT/deploy.env"
  fi
  if [ -n "$PROJECT_OPTION" ]; then PROJECT_ID="$PROJECT_OPTION"; fi
  if [ -n "$REGION_OPTION" ]; then REGION="$REGION_OPTION"; fi
  if [ -n "$DEPLOYER_OPTION" ]; then DEPLOYER="$DEPLOYER_OPTION"; fi
  if [ -n "$QUEUES_OPTION" ]; then QUEUES="$QUEUES_OPTION"; fi
  for name in $SETTINGS $FORMER $SECRETS; do default "$name" ""; done
  for name in $KIND_SETTINGS $KIND_SECRETS; do default "$(holder_of "$name")" ""; done
  # Where it is not said, what gcloud itself is set to.
  default PROJECT_ID "$(gcloud config get project 2>/dev/null </dev/null || true)"
  default PREFIX report
  default QUEUE_NAME "${PREFIX}s"
  default FIRESTORE_DATABASE "(default)"
  default FIRESTORE_LOCATION "$REGION"
  default FIRESTORE_BACKUP_RETENTION 14d
  default MAIL_FROM_NAME Reports
  default MAIL_PROVIDER sendgrid
  default SENDGRID_HOST https://api.sendgrid.com
  default RESEND_HOST https://api.resend.com
  default DEFAULT_KIND activity
  default DEFAULT_CADENCE hourly
  default ON_UNKNOWN_OUTCOME dead-letter
  default LOG_LEVEL INFO
  default SCHEDULE on
  default SLO_PERCENT 99
  default DISPATCHER_MEMORY 512Mi
  default DISPATCHER_CPU 1
  default DISPATCHER_CONCURRENCY 1
  default DISPATCHER_MIN_INSTANCES 0
  default WORKER_MEMORY 1Gi
  default WORKER_CPU 1
  default WORKER_CONCURRENCY 10
  default WORKER_MIN_INSTANCES 0
  default DLQ_HANDLER_MEMORY 512Mi
  default DLQ_HANDLER_CPU 1
  default DLQ_HANDLER_CONCURRENCY 8
  default DLQ_HANDLER_MIN_INSTANCES 0
  default DLQ_HANDLER_MAX_INSTANCES 1
  default MAIL_EVENTS_MEMORY 512Mi
  default MAIL_EVENTS_CPU 1
  default MAIL_EVENTS_CONCURRENCY 16
  default MAIL_EVENTS_MIN_INSTANCES 0
  # As with the page below. The provider repeats what is refused.
  default MAIL_EVENTS_MAX_INSTANCES 3
  default PREFERENCES_MEMORY 512Mi
  default PREFERENCES_CPU 1
  default PREFERENCES_CONCURRENCY 16
  default PREFERENCES_MIN_INSTANCES 0
  # Everybody can call it: this is what a flood costs at most.
  default PREFERENCES_MAX_INSTANCES 3
  # Without `processed`, which costs a write a mail and says little that no other event says.
  default MAIL_EVENTS "${KEPT_EVENTS% processed}"
  # A mail server reports nothing by itself.
  if [ "$MAIL_PROVIDER" = smtp ]; then MAIL_EVENTS=off; fi
  WITH_MAIL_EVENTS=yes
  if [ "$MAIL_EVENTS" = off ]; then WITH_MAIL_EVENTS=no; fi
  # Where the mails have no other way out, they lead to the recipient's page.
  WITH_PAGE=no
  if [ -z "$MAIL_UNSUBSCRIBE_GROUP$MAIL_UNSUBSCRIBE_URL$PREFERENCES_URL" ] && [ "$MAIL_WITHOUT_UNSUBSCRIBE" != true ]; then
    WITH_PAGE=yes
  fi
}

matches() { [[ "$1" =~ $2 ]]; }

# Each setting that is missing or malformed, a line each.
wrong_settings() {
  local name email='^[^@[:space:]]+@[^@[:space:]]+$'
  [ -n "$PROJECT_ID" ] || echo "PROJECT_ID is not set: --project=PROJECT, or PROJECT_ID in deploy.env."
  [ -n "$REGION" ] || echo "REGION is not set: --region=us-central1, or REGION in deploy.env."
  matches "$PREFIX" '^[a-z]([a-z0-9-]{0,16}[a-z0-9])?$' ||
    echo "PREFIX: at most 18 lower-case letters, digits and hyphens, beginning with a letter."
  matches "$FIRESTORE_DATABASE" '^([(]default[)]|[a-z][a-z0-9-]{2,61}[a-z0-9])$' ||
    echo "FIRESTORE_DATABASE: (default), or 4 to 63 lower-case letters, digits and hyphens, beginning with a letter."
  [ -z "$PIPELINE_DATABASE" ] || echo "PIPELINE_DATABASE: no longer a setting, since the pipeline has one database, FIRESTORE_DATABASE." \
    "docs/guides/environments.md#back-to-one-database says how to bring its documents there."
  for name in FIRESTORE_DELETE_PROTECTION FIRESTORE_PITR; do is_one_of "${!name}" "" on off || echo "$name: on or off."; done
  is_one_of "$FIRESTORE_BACKUPS" "" daily weekly off || echo "FIRESTORE_BACKUPS: daily, weekly or off."
  matches "$FIRESTORE_BACKUP_RETENTION" '^([1-9]|[1-8][0-9]|9[0-8])d$|^([1-9]|1[0-4])w$' ||
    echo "FIRESTORE_BACKUP_RETENTION: at most 98d or 14w."
  matches "$QUEUE_NAME" '^[A-Za-z0-9-]{1,90}$' || echo "QUEUE_NAME: letters, digits and hyphens."
  matches "${QUEUES:-1}" '^[1-9][0-9]?$' || echo "QUEUES: a number from 1 to 99."
  if [ -z "$MAIL_FROM" ]; then
    echo "MAIL_FROM is not set: the sender's address, one that the mail provider knows as yours; set it in deploy.env."
  else
    matches "$MAIL_FROM" "$email" || echo "MAIL_FROM: not an e-mail address."
  fi
  for name in ALERT_EMAIL SMOKE_TEST_ADDRESS; do
    [ -z "${!name}" ] || matches "${!name}" "$email" || echo "$name: not an e-mail address."
  done
  for name in MAIL_CHECK_UNSUBSCRIBED MAIL_SANDBOX MAIL_WITHOUT_UNSUBSCRIBE SENDGRID_LOGS; do
    is_one_of "${!name}" "" true false || echo "$name: true or false."
  done
  case "${MAIL_UNSUBSCRIBE_GROUP:+x}${MAIL_UNSUBSCRIBE_URL:+x}${PREFERENCES_URL:+x}" in
    xx*) echo "MAIL_UNSUBSCRIBE_GROUP, MAIL_UNSUBSCRIBE_URL, PREFERENCES_URL: set one of them, since a mail has one way out." ;;
  esac
  matches "${PREFERENCES_URL:-https://-}" '^https://[^[:space:]?#]+$' || echo "PREFERENCES_URL: must begin with https://."
  if [ "$MAIL_CHECK_UNSUBSCRIBED" = true ] && [ -z "$MAIL_UNSUBSCRIBE_GROUP" ]; then
    echo "MAIL_CHECK_UNSUBSCRIBED: needs MAIL_UNSUBSCRIBE_GROUP, the group to look in."
  fi
  for name in BRAND_LOGO_URL BRAND_URL; do
    matches "${!name:-https://-}" '^https://[^[:space:]]+$' || echo "$name: must begin with https://."
  done
  matches "${BRAND_COLOR:-#000000}" '^#[0-9a-fA-F]{6}$' || echo "BRAND_COLOR: a color such as #2563eb."
  wrong_mail_provider
  [ -f "$ROOT/kinds/$DEFAULT_KIND/__init__.py" ] || [ -f "$ROOT/kinds/$DEFAULT_KIND/report.yaml" ] ||
    echo "DEFAULT_KIND: no kind of report of this name; ./reports new makes one."
  matches "${DISPATCH_SHARES:-1}" '^([1-9]|[12][0-9]|30)$' || echo "DISPATCH_SHARES: a number from 1 to 30."
  wrong_enrollment
  wrong_restore
  { ramp_rate 1 >/dev/null; } 2>&1 || true
  wrong_limits COMPLAINT 0.1 0.3
  wrong_limits BOUNCE 2 5
  matches "${BREAKER_LEAST_MAILS:-1}" '^[1-9][0-9]{0,8}$' || echo "BREAKER_LEAST_MAILS: a number of mails, at least 1."
  is_one_of "$DEFAULT_CADENCE" hourly daily weekly monthly quarterly ||
    echo "DEFAULT_CADENCE: hourly, daily, weekly, monthly or quarterly."
  is_one_of "$ON_UNKNOWN_OUTCOME" dead-letter resend || echo "ON_UNKNOWN_OUTCOME: dead-letter or resend."
  is_one_of "$LOG_LEVEL" DEBUG INFO WARNING ERROR || echo "LOG_LEVEL: DEBUG, INFO, WARNING or ERROR."
  is_one_of "$SCHEDULE" on paused || echo "SCHEDULE: on or paused."
  # Below 95 no pace can be 14.4 times as fast as the error budget allows, and the alert would never come.
  matches "$SLO_PERCENT" '^9[5-9]([.][0-9]{1,2})?$' || echo "SLO_PERCENT: percent, from 95 to 99.99."
  matches "${BUDGET:-1}" '^[1-9][0-9]{0,8}$' || echo "BUDGET: whole units of the billing account's currency a month."
  matches "${RUNBOOK_URL:-https://-}" '^https://[^[:space:]#]+$' || echo "RUNBOOK_URL: an address that begins with https://, without #."
  matches "${DEPLOYER:-user:a@b}" '^(user|group|serviceAccount):[^@[:space:]:]+@[^@[:space:]]+$' ||
    echo "DEPLOYER: none of user:ada@example.com, group:team@example.com, serviceAccount:name@PROJECT.iam.gserviceaccount.com."
  wrong_mail_events
  wrong_console
  for name in DISPATCHER WORKER DLQ_HANDLER MAIL_EVENTS PREFERENCES; do wrong_sizes "$name"; done
}

# A time in the future would make a doubtful report of each that is due until then.
wrong_restore() {
  if ! matches "${RESTORED_AT:-1970-01-01T00:00:00Z}" '^[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}Z$'; then
    echo "RESTORED_AT: a time in UTC such as 2026-11-24T13:30:00Z."
  elif [[ "$RESTORED_AT" > "$(date -u +%Y-%m-%dT%H:%M:%SZ)" ]]; then
    echo "RESTORED_AT: must not be in the future."
  fi
}

# wrong_limits WHAT ALERT STOP: the breaker's limits, with the functions' own defaults.
wrong_limits() {
  local name alert stop
  for name in "$1_ALERT_PERCENT" "$1_STOP_PERCENT"; do
    if ! matches "${!name:-0}" '^(off|[0-9]{1,2}([.][0-9]{1,4})?|100)$'; then
      echo "$name: percent, as in 0.3, or off."
      return
    fi
  done
  name="$1_ALERT_PERCENT" alert="${!name:-$2}"
  name="$1_STOP_PERCENT" stop="${!name:-$3}"
  # The word "off" is 0 to awk.
  if awk -v alert="$alert" -v stop="$stop" 'BEGIN { exit !(stop + 0 > 0 && alert + 0 > stop + 0) }'; then
    echo "$1_ALERT_PERCENT, $1_STOP_PERCENT: the alert must come before the stop, or with it."
  fi
}

wrong_sizes() {
  local memory="$1_MEMORY" cpu="$1_CPU" concurrency="$1_CONCURRENCY" least="$1_MIN_INSTANCES" most="$1_MAX_INSTANCES"
  if ! matches "${!memory}" '^[1-9][0-9]{0,5}(Mi|Gi)$'; then
    echo "$memory: as in 512Mi or 1Gi."
  elif ! matches "${!cpu}" '^[12468]$'; then
    echo "$cpu: 1, 2, 4, 6 or 8 CPUs: fewer than one take one request at a time."
  else
    wrong_memory "$memory" "$cpu"
  fi
  matches "${!concurrency}" '^([1-9][0-9]{0,2}|1000)$' || echo "$concurrency: a number from 1 to 1000."
  matches "${!least}" '^[0-9]{1,4}$' || echo "$least: a number."
  matches "${!most:-1}" '^[1-9][0-9]{0,3}$' || echo "$most: a number, at least 1."
}

# wrong_memory MEMORY CPU: what Cloud Run takes of the two settings together.
# https://cloud.google.com/run/docs/configuring/services/memory-limits
# https://cloud.google.com/run/docs/configuring/services/cpu
wrong_memory() {
  local mebibytes="${!1%?i}" cpus="${!2}" most="$((${!2} * 4))" least=512
  case "${!1}" in *Gi) mebibytes=$((mebibytes * 1024)) ;; esac
  case "$cpus" in
    4) least=2048 ;;
    6 | 8) least=4096 ;;
  esac
  if [ "$mebibytes" -lt 512 ] || [ "$mebibytes" -gt 32768 ]; then
    echo "$1: 512Mi to 32Gi."
  elif [ "$mebibytes" -gt $((most * 1024)) ]; then
    echo "$2=$cpus: with it, $1 is ${most}Gi at most."
  elif [ "$mebibytes" -lt "$least" ]; then
    echo "$1=${!1}: with $2=$cpus it is $((least / 1024))Gi at least."
  fi
}
