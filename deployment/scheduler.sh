# shellcheck shell=bash
# The job that calls the dispatcher. It is paused before a function is replaced and resumed last, so that no run starts
# half-way through a deployment.

SCHEDULE_FLAGS="$ROOT/scheduler.yaml"

job_state() { read_if_there scheduler jobs describe "$JOB" "--location=$REGION" --format='value(state)'; }

pause_schedule() {
  local state
  state="$(job_state)"
  if [ "$state" = ENABLED ]; then
    change scheduler jobs pause "$JOB" "--location=$REGION"
    say "  paused: job $JOB, while the pipeline changes"
    PAUSED_HERE=yes
  fi
}

resume_schedule() {
  step schedule "Schedule"
  local state
  state="$(job_state)"
  if [ "$SCHEDULE" = paused ]; then
    if [ "$state" = ENABLED ]; then
      change scheduler jobs pause "$JOB" "--location=$REGION"
      note changed "job $JOB is paused (SCHEDULE=paused)"
    fi
  elif [ "$state" = PAUSED ] || [ "$DRY_RUN$PAUSED_HERE" = yesyes ]; then
    change scheduler jobs resume "$JOB" "--location=$REGION"
    if [ "$PAUSED_HERE" = yes ]; then say "  resumed: job $JOB"; else note changed "job $JOB is resumed"; fi
  fi
}

# Which field of a job each flag sets.
job_field_of() {
  case "$1" in
    --schedule) echo schedule ;;
    --time-zone) echo timeZone ;;
    --http-method) echo httpTarget.httpMethod ;;
    --attempt-deadline) echo attemptDeadline ;;
    --max-retry-attempts) echo retryConfig.retryCount ;;
    --max-retry-duration) echo retryConfig.maxRetryDuration ;;
    --min-backoff) echo retryConfig.minBackoffDuration ;;
    --max-backoff) echo retryConfig.maxBackoffDuration ;;
    --max-doublings) echo retryConfig.maxDoublings ;;
    --description) echo description ;;
    --message-body) echo httpTarget.body ;;
    *) echo "$1" ;; # compared with nothing: such a job is updated each time
  esac
}

# Prints the job that scheduler.yaml wants, as arguments of resource_diff.py, one per line.
wanted_job() {
  local flag value
  echo "httpTarget.uri=$(url_of dispatcher)/"
  echo "httpTarget.oidcToken.serviceAccountEmail=$SCHEDULER_INVOKER"
  echo "httpTarget.oidcToken.audience=$(url_of dispatcher)"
  for flag in $(flags_in "$SCHEDULE_FLAGS"); do
    value="$(flag_in "$SCHEDULE_FLAGS" "$flag")"
    case "$flag" in
      --message-body) value="$(printf '%s' "$value" | base64 | tr -d '\n')" ;;
      --http-method) value="$(printf '%s' "$value" | tr '[:lower:]' '[:upper:]')" ;;
    esac
    echo "$(job_field_of "$flag")=$value"
  done
}

set_up_scheduler() {
  step scheduler "Scheduler"
  local actual line wanted=() flags
  flags=("--location=$REGION" "--flags-file=$SCHEDULE_FLAGS" "--uri=$(url_of dispatcher)/"
    "--oidc-service-account-email=$SCHEDULER_INVOKER" "--oidc-token-audience=$(url_of dispatcher)")
  actual="$(read_if_there scheduler jobs describe "$JOB" "--location=$REGION" --format=json)"
  while IFS= read -r line; do wanted+=("$line"); done < <(wanted_job)
  if [ -z "$actual" ]; then
    change scheduler jobs create http "$JOB" "${flags[@]}"
    note created "job $JOB"
    # It is enabled when it is made.
    change scheduler jobs pause "$JOB" "--location=$REGION"
    PAUSED_HERE=yes
  elif [ -n "$(helper resource_diff "${wanted[@]}" <<<"$actual")" ]; then
    pause_schedule
    change scheduler jobs update http "$JOB" "${flags[@]}"
    note changed "job $JOB"
  else
    note unchanged "job $JOB"
  fi
}
