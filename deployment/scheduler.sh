# shellcheck shell=bash
# The job that calls the dispatcher. It is paused before a function is replaced and resumed last, so that no run starts
# half-way through a deployment. While the script has it paused, its description ends with a mark: a deployment that was
# killed is told by it from a pause by hand, which lasts.

SCHEDULE_FLAGS="$ROOT/scheduler.yaml"
PAUSE_MARK="[paused by deploy.sh]"
JOB_STATE=""
JOB_DESCRIPTION=""

# Sets JOB_STATE and JOB_DESCRIPTION; in a dry run to what the printed commands would have made.
read_job() {
  local job
  job="$(read_if_there scheduler jobs describe "$JOB" "--location=$REGION" --format='value(state,description)')"
  IFS=$'\t\n' read -r -d '' JOB_STATE JOB_DESCRIPTION <<<"$job" || true
  if [ "$DRY_RUN$PAUSED_HERE" = yesyes ]; then
    JOB_STATE=PAUSED
    JOB_DESCRIPTION="$(with_mark "$JOB_DESCRIPTION")"
  fi
}

is_marked() { [ "${JOB_DESCRIPTION%"$PAUSE_MARK"}" != "$JOB_DESCRIPTION" ]; }
without_mark() {
  local description="${1%"$PAUSE_MARK"}"
  printf '%s' "${description% }"
}
with_mark() {
  local description
  description="$(without_mark "$1")"
  printf '%s' "${description:+$description }$PAUSE_MARK"
}

describe_job() { change scheduler jobs update http "$JOB" "--location=$REGION" "--description=$1"; }

# Marked before it is paused: between the two, a script that is killed leaves a job that runs.
pause_job() {
  if ! is_marked; then describe_job "$(with_mark "$JOB_DESCRIPTION")"; fi
  change scheduler jobs pause "$JOB" "--location=$REGION"
  PAUSED_HERE=yes
}

pause_schedule() {
  if [ "$CHECK" = yes ]; then return; fi
  read_job
  if [ "$JOB_STATE" = ENABLED ]; then
    pause_job
    say "  paused: job $JOB, while the pipeline changes"
  elif is_marked; then
    PAUSED_HERE=yes
  fi
}

resume_schedule() {
  step schedule "Schedule"
  read_job
  if [ "$SCHEDULE" = paused ]; then
    if [ "$JOB_STATE" = ENABLED ]; then
      pause_job
      note changed "job $JOB is paused (SCHEDULE=paused)"
    fi
  elif [ "$JOB_STATE" = PAUSED ] && is_marked; then
    change scheduler jobs resume "$JOB" "--location=$REGION"
    describe_job "$(without_mark "$JOB_DESCRIPTION")"
    if [ "$PAUSED_HERE" = yes ]; then say "  resumed: job $JOB"; else note changed "job $JOB is resumed"; fi
    PAUSED_HERE=no
  elif [ "$JOB_STATE" = PAUSED ]; then
    differs_by_hand "job $JOB is paused by hand and stays so: no run starts." \
      "To resume it: gcloud scheduler jobs resume $JOB --location=$REGION --project=$PROJECT_ID"
  elif is_marked; then
    describe_job "$(without_mark "$JOB_DESCRIPTION")"
    note changed "description of job $JOB"
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

# wanted_job ACTUAL: prints the job that scheduler.yaml wants, as arguments of resource_diff.py, one per line. Its
# description has the mark if that of the actual job has it.
wanted_job() {
  local flag value
  echo "httpTarget.uri=$(url_of dispatcher)/"
  echo "httpTarget.oidcToken.serviceAccountEmail=$SCHEDULER_INVOKER"
  echo "httpTarget.oidcToken.audience=$(url_of dispatcher)"
  while IFS=$'\t' read -r flag value; do
    case "$flag" in
      --message-body) value="$(printf '%s' "$value" | base64 | tr -d '\n')" ;;
      --description) case "$1" in *"$PAUSE_MARK"*) value="$(with_mark "$value")" ;; esac ;;
      --http-method) value="$(printf '%s' "$value" | tr '[:lower:]' '[:upper:]')" ;;
    esac
    echo "$(job_field_of "$flag")=$value"
  done < <(flags_in "$SCHEDULE_FLAGS")
}

set_up_scheduler() {
  step scheduler "Scheduler"
  local actual line wanted=() flags description
  flags=("--location=$REGION" "--flags-file=$SCHEDULE_FLAGS" "--uri=$(url_of dispatcher)/"
    "--oidc-service-account-email=$SCHEDULER_INVOKER" "--oidc-token-audience=$(url_of dispatcher)")
  description="$(flag_in "$SCHEDULE_FLAGS" --description)"
  actual="$(read_if_there scheduler jobs describe "$JOB" "--location=$REGION" --format=json)"
  while IFS= read -r line; do wanted+=("$line"); done < <(wanted_job "$actual")
  if [ -z "$actual" ]; then
    change scheduler jobs create http "$JOB" "${flags[@]}" "--description=$(with_mark "$description")"
    note created "job $JOB"
    # It is enabled when it is made.
    change scheduler jobs pause "$JOB" "--location=$REGION"
    PAUSED_HERE=yes
  elif is_different "job $JOB" "${wanted[@]}" <<<"$actual"; then
    pause_schedule
    if [ "$PAUSED_HERE" = yes ] && [ -n "$description" ]; then flags+=("--description=$(with_mark "$description")"); fi
    change scheduler jobs update http "$JOB" "${flags[@]}"
    note changed "job $JOB"
  else
    note unchanged "job $JOB"
  fi
}
