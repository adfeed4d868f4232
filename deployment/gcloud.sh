# shellcheck shell=bash
# Runs gcloud: reads and changes, skips changes in a dry run, retries, and explains failures.

LONGEST_WAIT=60
ATTEMPTS=10
FIRST_WAIT=2

# Failures that pass by themselves: an API that was enabled a moment ago, an account or a role that is not seen everywhere
# yet, an IAM policy that another process just wrote, a service agent in the making, and a service that is busy.
PASSING='SERVICE_DISABLED|has not been used in project|it is disabled
Service account [^ ]* does not exist|service account .* was not found|Identity .*does not exist
concurrent policy changes|ABORTED|[Oo]peration.* in progress|[Cc]onflicting operation
Permission denied on secret|If you just enabled the Cloud Run API
does not have storage\.objects\.get access|artifactregistry\.repositories\.(download|upload)Artifacts.* denied
RESOURCE_EXHAUSTED|rateLimitExceeded|Too Many Requests|HttpError.*[^0-9]429|code=429
UNAVAILABLE|currently unavailable|Service Unavailable|HttpError.*[^0-9]50[0234]|code=50[0234]|DEADLINE_EXCEEDED
Could not reach|[Cc]onnection (reset|aborted|refused)|Remote end closed|[Rr]ead timed out|Temporary failure in name resolution'
NOT_THERE='NOT_FOUND|not found|does not exist|Could not find|Cannot find'
# While the APIs are not on yet, a disabled one is an answer, not something to wait for.
API_OFF='SERVICE_DISABLED|has not been used in project'
APIS_ON=no

passes_by_itself() { grep -qE "$PASSING" "$1"; }

# may_try_again TRIES: after so many tries that failed, with the error of the last in $ERRORS: waits, or says by its status
# that another try is of no use.
may_try_again() {
  local wait=$((FIRST_WAIT << ($1 - 1)))
  if [ "$1" -ge "$ATTEMPTS" ] || ! passes_by_itself "$ERRORS"; then return 1; fi
  if [ "$wait" -gt "$LONGEST_WAIT" ]; then wait="$LONGEST_WAIT"; fi
  say "    trying again in $wait s: $(first_error)" >&2
  sleep "$wait"
}

# attempt gcloud ARGUMENT...: tries until it works or cannot succeed. INPUT, if set, is its standard input: secrets
# go this way, and this way only. The error text of the last attempt is left in $ERRORS.
attempt() {
  local tries=1 status
  stop_if_stopped
  while :; do
    status=0
    if [ -n "${INPUT+set}" ]; then
      printf '%s' "$INPUT" | gcloud "$@" "--project=$PROJECT_ID" --quiet 2>"$ERRORS" || status=$?
    else
      gcloud "$@" "--project=$PROJECT_ID" --quiet 2>"$ERRORS" </dev/null || status=$?
    fi
    if [ "$status" -eq 0 ]; then return 0; fi
    # An earlier attempt whose answer was lost has made it.
    if [ "$tries" -gt 1 ] && grep -qE 'ALREADY_EXISTS|already exists' "$ERRORS"; then return 0; fi
    may_try_again "$tries" || return "$status"
    tries=$((tries + 1))
  done
}

# read_if_there ARGUMENT...: prints what gcloud prints; nothing where the thing, or the API that knows of it, is not there
# yet. Anything else that keeps it from reading stops the script.
read_if_there() {
  local ERRORS="$WORK/errors.$RANDOM$RANDOM" PASSING="$PASSING" absent="$NOT_THERE"
  if [ "$APIS_ON" = no ]; then
    # Its first line is the disabled API.
    PASSING="${PASSING#*$'\n'}"
    absent="$NOT_THERE|$API_OFF"
  fi
  detail reads: gcloud "$@"
  if attempt "$@" || grep -qE "$absent" "$ERRORS"; then return; fi
  mark_stop
  stop_with_error "$@"
}

# change ARGUMENT...: a command that changes something. A dry run prints it instead.
change() {
  local ERRORS="$WORK/errors.$RANDOM$RANDOM"
  if [ "$DRY_RUN" = yes ]; then
    planned "$(quote gcloud "$@" "--project=$PROJECT_ID")"
    return 0
  fi
  if [ "$LOOKS_ONLY" = yes ]; then return 0; fi
  detail runs: gcloud "$@" "--project=$PROJECT_ID"
  if [ "$VERBOSE" = yes ]; then
    attempt "$@" >&2 || stop_with_error "$@"
    cat "$ERRORS" >&2
  else
    attempt "$@" >/dev/null || stop_with_error "$@"
  fi
}

# helper NAME ARGUMENT...: one of this folder's Python programs. They need only Python itself.
helper() {
  stop_if_stopped
  python3 -S -E "$ROOT/deployment/$1.py" "${@:2}"
}

first_error() { grep -m 1 -E 'ERROR|denied|[Ee]rror' "$ERRORS" || head -n 1 "$ERRORS"; }

stop_with_error() {
  local hint
  hint="$(hint_for "$ERRORS")"
  {
    printf '\nStopped%s.\n' "${STEP:+ in step \"$STEP\"}"
    printf '  Command: %s\n' "$(quote gcloud "$@" "--project=$PROJECT_ID")"
    printf '  Google says:\n'
    sed 's/^/    /' "$ERRORS"
    printf '  What to do: %s\n' "$hint"
    printf '  Then run %s again: what is done stays done, and it goes on from here.\n' "$AGAIN"
  } >&2
  exit 1
}

# hint_for FILE: prints a hint for the error in it.
hint_for() {
  # Before billing: Google's text suggests billing, too, to projects that have it.
  if grep -qE 'AllocPerProjectRegion|maxScale may not exceed|Max instances must be set|total allowable CPU' "$1"; then
    echo "a function may have more CPUs than Cloud Run's quota in $REGION: lower its MAX_INSTANCES or CPU in deploy.env, or ask for more, as docs/guides/deployment.md says under \"CPUs\"."
  elif grep -qE 'failed to start and listen|is not ready and cannot serve' "$1"; then
    echo "the new revision did not start, and the one before goes on serving: the log whose address is above says why."
  elif grep -qE 'BILLING|[Bb]illing (account|must|to be)' "$1"; then
    echo "link a billing account: gcloud billing projects link $PROJECT_ID --billing-account=ACCOUNT"
  elif grep -qE 'SERVICE_DISABLED|has not been used in project' "$1"; then
    echo "an API that was just enabled can take ten minutes to be ready; wait a little."
  elif grep -qE 'orgpolicy|constraints/|organization policy|Organization Policy' "$1"; then
    echo "a policy of your organization forbids this; ask who administers it for an exception for $PROJECT_ID."
  elif grep -qE 'iam.serviceAccounts.actAs' "$1"; then
    echo "your account must be allowed to act as the pipeline's accounts: an administrator grants that by ./deploy.sh --bootstrap --deployer=MEMBER."
  elif grep -qE 'PERMISSION_DENIED|does not have permission|denied|403' "$1"; then
    echo "your account lacks a permission. An administrator grants what a deployment needs: ./deploy.sh --bootstrap --deployer=MEMBER (docs/guides/permissions.md)."
  elif grep -qE 'cannot run builds in this region|concurrent builds quota' "$1"; then
    echo "Cloud Build builds only in some regions for this project: docs/start/deploy.md names them under \"Choose the settings\"."
  elif grep -qE 'credentials|reauth|login' "$1"; then
    echo "log in again: gcloud auth login"
  elif grep -qE '[Bb]uild failed|BUILD_|Build error' "$1"; then
    echo "open the build's log, whose address is above."
  elif grep -qE 'RESOURCE_EXHAUSTED|[Qq]uota|429' "$1"; then
    echo "a quota is used up; wait a minute, or ask for more at https://console.cloud.google.com/iam-admin/quotas?project=$PROJECT_ID"
  elif grep -qE 'INVALID_ARGUMENT|Invalid' "$1"; then
    echo "a setting is not one that Google takes; the message names it."
  else
    echo "see docs/guides/deployment.md, \"Errors that people meet\"."
  fi
}
