# shellcheck shell=bash
# The functions: staged, compared with what runs, and deployed side by side where something differs.

# The timeout of each, in seconds. A dispatcher's run may take as long as Cloud Scheduler and Cloud Tasks wait; a report's
# task is given up after two minutes (functions/shared/queues/retry_policy.py).
timeout_of() {
  case "$1" in
    dispatcher) echo 1800 ;;
    console) echo 300 ;;
    *) echo 120 ;;
  esac
}

# The Python names have underscores, Google's have hyphens.
python_name() { echo "${1//-/_}"; }

set_up_functions() {
  step functions "Functions"
  local name changed="" running=""
  complete_sizes
  if [ "$MAIL_EVENTS" = off ] && is_one_of "$ONLY" "" functions mail-events; then remove_function mail-events; fi
  if [ "$MAIL_PROVIDER" = smtp ]; then say "  a mail server reports nothing about mails: the function mail-events is not deployed"; fi
  if is_wanted worker; then running="$(running_variable worker MAIL_PROVIDER)"; fi
  if is_wanted mail-events; then set_up_webhook; fi
  for name in $FUNCTIONS; do
    if is_wanted "$name"; then start "$WORK/$name.log" prepare_function "$name"; fi
  done
  finish_all
  for name in $FUNCTIONS; do if is_to_deploy "$name"; then changed="$changed $name"; fi; done
  if [ -n "$changed" ]; then
    # A canary runs beside the old revisions in any case.
    if [ -z "$CANARY" ]; then schedule pause; fi
    # Builds take minutes, and do not wait for each other.
    for name in $changed; do start "$WORK/$name.log" deploy_service "$name" "function $(function_name "$name")"; done
    finish_all
  fi
  declared callers
  if is_wanted mail-events; then start_webhook; fi
  if is_wanted dlq-handler; then remove_triggers; fi
  if [ -n "$CANARY" ]; then split_traffic; else take_back_from_functions "$running"; fi
}

# take_back_from_functions PROVIDER: what only the revisions before needed, whose mail provider is PROVIDER.
take_back_from_functions() {
  declared former
  if [ -n "$1" ] && [ "$1" != "$MAIL_PROVIDER" ]; then
    warn_of_change "$1"
    remove_webhook "$1"
  fi
}

# Whether --only leaves the function in.
is_wanted() { is_deployed "$1" && is_one_of "$ONLY" "" functions "$1"; }

# Whether the settings ask for the function: for the recipient's page, unless recipients unsubscribe elsewhere. A page that
# is there stays, since the links of old mails lead to it.
is_deployed() {
  case "$1" in
    preferences) [ "$WITH_PAGE" = yes ] ;;
    mail-events) [ "$WITH_MAIL_EVENTS" = yes ] ;;
  esac
}

# Whether everybody can call the function. It knows by itself whom it listens to: recipients by their link, the mail
# provider by its signature.
is_public() { is_one_of "$1" preferences mail-events; }

# The function's environment, a line each. docs/reference/settings.md explains the variables; THREADS is functions-framework's.
environment_of() {
  echo "GOOGLE_CLOUD_PROJECT=$PROJECT_ID"
  echo "FIRESTORE_DATABASE=$FIRESTORE_DATABASE"
  echo "LOG_LEVEL=$LOG_LEVEL"
  echo "THREADS=$(size "$1" CONCURRENCY)"
  case "$1" in
    dispatcher)
      echo "LOCATION=$REGION"
      echo "REPORT_QUEUES=$(queue_names | tr '\n' ',' | sed 's/,$//')"
      echo "CONTINUATION_QUEUE=$CONTINUATIONS"
      echo "WORKER_URL=$(url_of worker)"
      echo "DISPATCHER_URL=$(url_of dispatcher)"
      echo "TASKS_INVOKER=$TASKS_INVOKER"
      echo "SCHEDULER_INVOKER=$SCHEDULER_INVOKER"
      echo "DEAD_LETTER_TOPIC=$TOPIC"
      echo "DEFAULT_KIND=$DEFAULT_KIND"
      echo "DEFAULT_CADENCE=$DEFAULT_CADENCE"
      if [ -n "$RAMP_START" ]; then echo "QUEUE_RATE=$(full_rate)"; fi
      provider_environment dispatcher
      optional "$OF_DISPATCHER"
      ;;
    worker)
      echo "WORKER_URL=$(url_of worker)"
      echo "TASKS_INVOKER=$TASKS_INVOKER"
      echo "DEAD_LETTER_TOPIC=$TOPIC"
      echo "MAX_ATTEMPTS=$(flag_in "$QUEUE_FLAGS" --max-attempts)"
      echo "DEFAULT_KIND=$DEFAULT_KIND"
      echo "DEFAULT_CADENCE=$DEFAULT_CADENCE"
      echo "ON_UNKNOWN_OUTCOME=$ON_UNKNOWN_OUTCOME"
      provider_environment worker
      echo "MAIL_FROM=$MAIL_FROM"
      echo "MAIL_FROM_NAME=$MAIL_FROM_NAME"
      optional "$OF_WORKER $KIND_SETTINGS"
      if [ "$WITH_PAGE" = yes ]; then echo "PREFERENCES_URL=$(url_of preferences)"; fi
      ;;
    mail-events)
      echo "DEAD_LETTER_TOPIC=$TOPIC"
      echo "DEFAULT_KIND=$DEFAULT_KIND"
      echo "DEFAULT_CADENCE=$DEFAULT_CADENCE"
      provider_environment mail-events
      ;;
    preferences)
      echo "PREFERENCES_URL=$(url_of preferences)"
      echo "DEFAULT_KIND=$DEFAULT_KIND"
      echo "DEFAULT_CADENCE=$DEFAULT_CADENCE"
      echo "MAIL_FROM_NAME=$MAIL_FROM_NAME"
      optional "BRAND_NAME BRAND_LOGO_URL BRAND_COLOR BRAND_URL"
      ;;
    dlq-handler)
      echo "LOCATION=$REGION"
      echo "DLQ_HANDLER_URL=$(url_of dlq-handler)"
      echo "EVENTS_INVOKER=$EVENTS_INVOKER"
      if [ -n "$KIND_OWNERS" ]; then echo "KIND_OWNERS=$KIND_OWNERS"; fi
      # Those who may open the console are named in deploy.env; --console is on one run's command line.
      if [ -n "$CONSOLE_OPERATORS$CONSOLE_VIEWERS" ]; then echo "CONSOLE_URL=$(url_of console)"; fi
      ;;
  esac
}

# optional NAMES: those of the settings that are set.
optional() {
  local name holder
  for name in $1; do
    holder="$(holder_of "$name")"
    if [ -n "${!holder}" ]; then echo "$name=${!holder}"; fi
  done
}

# The secrets that the function reads, as VARIABLE=SECRET:VERSION, a line each.
secrets_of() {
  local variable variables="" version
  case "$1" in
    preferences) variables="PREFERENCES_KEY" ;;
    worker) variables="MAIL_UNSUBSCRIBE_KEY PREFERENCES_KEY" ;;
    dlq-handler) variables="SLACK_WEBHOOK_URL ALERT_URLS OWNER_MAIL_URL" ;;
  esac
  variables="$(provider_secrets "$1") $variables"
  if [ "$1" = worker ]; then variables="$variables $KIND_SECRETS"; fi
  if [ "$1" = dlq-handler ]; then variables="$variables $OWNER_SECRETS"; fi
  for variable in $variables; do
    version="$(version_of "$(secret_name "$variable")")"
    if [ -n "$version" ]; then echo "$variable=$(secret_name "$variable"):$version"; fi
  done
}

# prepare_function FUNCTION: stages it, and compares it with what runs.
prepare_function() {
  local name="$1" hash
  hash="$(helper stage_function "$ROOT" "$(python_name "$name")" "$WORK/$name")"
  # A label's value has at most 63 characters.
  printf '%s' "${hash:0:40}" >"$WORK/$name.hash"
  environment_of "$name" >"$WORK/$name.variables"
  secrets_of "$name" >"$WORK/$name.secrets"
  prepare_service "$name" "function $(function_name "$name")"
}
