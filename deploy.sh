#!/usr/bin/env bash
# Takes a Google Cloud project to a running pipeline, and keeps it there: run it once, and again after every change.
# What is already as it should be is left alone. docs/guides/deployment.md explains all of it.
# shellcheck source-path=SCRIPTDIR
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
. "$ROOT/deployment/output.sh"
. "$ROOT/deployment/settings.sh"
. "$ROOT/deployment/kinds.sh"
. "$ROOT/deployment/names.sh"
. "$ROOT/deployment/gcloud.sh"
. "$ROOT/deployment/side_by_side.sh"
. "$ROOT/deployment/flags_file.sh"
. "$ROOT/deployment/enrollment.sh"
. "$ROOT/deployment/checks.sh"
. "$ROOT/deployment/checkout.sh"
. "$ROOT/deployment/quota.sh"
. "$ROOT/deployment/apis.sh"
. "$ROOT/deployment/rules.sh"
. "$ROOT/deployment/secrets.sh"
. "$ROOT/deployment/messaging.sh"
. "$ROOT/deployment/mail_provider.sh"
. "$ROOT/deployment/mail_events.sh"
. "$ROOT/deployment/release.sh"
. "$ROOT/deployment/run_service.sh"
. "$ROOT/deployment/functions.sh"
. "$ROOT/deployment/declared.sh"
. "$ROOT/deployment/mail_checks.sh"
. "$ROOT/deployment/console.sh"
. "$ROOT/deployment/bootstrap.sh"
. "$ROOT/deployment/smoke.sh"
. "$ROOT/deployment/teardown.sh"

STEPS="apis firestore accounts secrets messaging functions scheduler monitoring console"

usage() {
  cat <<'TEXT'
Usage: ./deploy.sh [OPTION]...

Takes a Google Cloud project to a running pipeline. Running it again changes only what is not as it should be.

  --project=PROJECT   the project; default: PROJECT_ID of the env file, then gcloud's own setting
  --region=REGION     where everything runs, such as us-central1
  --env-file=FILE     the settings; default: deploy.env, if there is one (deploy.env.example explains each)
  --queues=N          how many report queues; default: as many as there are, or one
  --only=WHAT         only one step (apis, firestore, accounts, secrets, messaging, functions, scheduler, monitoring, console)
                      or one function (dispatcher, worker, dlq-handler, mail-events, preferences)
  --bootstrap         only what an administrator does once: the APIs, the database, service accounts, their roles on the project and on
                      each other, the image repository, and the roles of DEPLOYER. With DEPLOYER set, a run without this
                      changes none of it, and stops where something is missing. --console, --firestore-rules and --smoke
                      include what each of them needs
  --deployer=MEMBER   DEPLOYER: who deploys all else, such as serviceAccount:ci@PROJECT.iam.gserviceaccount.com
  --console           also deploy the web console, behind Identity-Aware Proxy, for CONSOLE_OPERATORS and CONSOLE_VIEWERS
  --firestore-rules   also deploy deployment/firestore.rules, which closes the pipeline's collections to web and mobile clients;
                      rules that this script has not made are shown, and stay
  --replace-rules     with --firestore-rules: replace rules that this script has not made
  --canary=PERCENT    give the new revisions of the functions only so much of the traffic, and compare them with the old ones
  --canary-minutes=N  for how long; default: 75
  --promote-if-healthy  with --canary: afterwards send all traffic to the new revisions, if they do no worse
  --promote           only send all traffic of the functions to their newest revisions
  --rollback          only send the traffic back: that of a canary to the old revisions, otherwise that of the last deployment
                      to the revisions before; docs/guides/releases.md
  --dirty             deploy files as they are, even if no commit has them; without it, the checkout must be a clean commit
  --smoke             afterwards, make a run for a test user, without a real mail, and wait until the report arrived
  --check             change nothing, and name each difference between the project and what is to be, also members that
                      this script has not granted their roles: the exit status is 3 if there is one
  --dry-run           print each command that would change something, and run only those that read
  --teardown          remove all that this script has made, after asking; data only with --delete-data
  --verbose           say each command, and what is left alone
  --help              this text

The exit status is 0 if all is well, 1 after a failure, 2 for a wrong option, 3 as --check says; with --canary also 4 if there
were too few requests to compare, and 5 if the canary did worse and was taken back.
TEXT
}

DRY_RUN=no
CHECK=no
VERBOSE=no
TEARDOWN=no
DELETE_DATA=no
BOOTSTRAP=no
SMOKE=no
DIRTY=no
WITH_CONSOLE=no
FIRESTORE_RULES=no
REPLACE_RULES=no
CANARY=""
CANARY_MINUTES=""
PROMOTE_IF_HEALTHY=no
RELEASE=""
ONLY=""
ENV_FILE=""
PROJECT_OPTION=""
REGION_OPTION=""
QUEUES_OPTION=""
DEPLOYER_OPTION=""
PLANNED=""
QUEUES_COUNTED=no

wrong_usage() {
  printf '%s\n\n' "$1" >&2
  usage >&2
  exit 2
}

parse_options() {
  local option value
  while [ $# -gt 0 ]; do
    option="$1"
    shift
    case "$option" in
      --project=* | --region=* | --env-file=* | --queues=* | --only=* | --deployer=* | --canary=* | --canary-minutes=*)
        value="${option#*=}"
        ;;
      --project | --region | --env-file | --queues | --only | --deployer | --canary | --canary-minutes)
        if [ $# -eq 0 ]; then wrong_usage "$option needs a value."; fi
        value="$1"
        shift
        ;;
    esac
    case "$option" in
      --project | --project=*) PROJECT_OPTION="$value" ;;
      --region | --region=*) REGION_OPTION="$value" ;;
      --env-file | --env-file=*) ENV_FILE="$value" ;;
      --queues | --queues=*) QUEUES_OPTION="$value" ;;
      --only | --only=*) ONLY="$value" ;;
      --deployer | --deployer=*) DEPLOYER_OPTION="$value" ;;
      --bootstrap) BOOTSTRAP=yes ;;
      # An empty value, as of a variable that is not set, must not become a deployment without a canary.
      --canary | --canary=*) CANARY="${value:-0}" ;;
      --canary-minutes | --canary-minutes=*) CANARY_MINUTES="$value" ;;
      --promote-if-healthy) PROMOTE_IF_HEALTHY=yes ;;
      --promote | --rollback)
        if [ -n "$RELEASE" ]; then wrong_usage "--promote does not go with --rollback."; fi
        RELEASE="${option#--}"
        ;;
      --smoke) SMOKE=yes ;;
      --dirty) DIRTY=yes ;;
      --console) WITH_CONSOLE=yes ;;
      --firestore-rules) FIRESTORE_RULES=yes ;;
      --replace-rules) REPLACE_RULES=yes ;;
      --dry-run) DRY_RUN=yes ;;
      --check) CHECK=yes ;;
      --teardown) TEARDOWN=yes ;;
      --delete-data) DELETE_DATA=yes ;;
      --verbose) VERBOSE=yes ;;
      --help)
        usage
        exit 0
        ;;
      *) wrong_usage "$option is not an option." ;;
    esac
  done
  # shellcheck disable=SC2086  # the lists are words
  is_one_of "$ONLY" "" $STEPS $FUNCTIONS || wrong_usage "--only=$ONLY: neither a step nor a function."
  if [ "$ONLY" = console ]; then WITH_CONSOLE=yes; fi
  if [ "$WITH_CONSOLE" = yes ]; then
    is_one_of "$ONLY" "" console || wrong_usage "--console does not go with --only=$ONLY."
    if [ "$TEARDOWN" = yes ]; then wrong_usage "--console does not go with --teardown, which removes the console, too."; fi
  fi
  if [ "$REPLACE_RULES" = yes ] && [ "$FIRESTORE_RULES" = no ]; then wrong_usage "--replace-rules goes with --firestore-rules."; fi
  if [ "$FIRESTORE_RULES" = yes ] && [ "$TEARDOWN" = yes ]; then wrong_usage "--firestore-rules does not go with --teardown."; fi
  if [ "$CHECK" = yes ]; then
    if [ "$DRY_RUN$SMOKE$TEARDOWN" != nonono ]; then wrong_usage "--check does not go with --dry-run, --smoke or --teardown."; fi
    DRY_RUN=yes
  fi
  if [ "$BOOTSTRAP" = yes ] && [ "$ONLY$TEARDOWN" != no ]; then wrong_usage "--bootstrap does not go with --only or --teardown."; fi
  if [ "$DELETE_DATA" = yes ] && [ "$TEARDOWN" = no ]; then wrong_usage "--delete-data goes with --teardown."; fi
  parse_release
}

parse_release() {
  if [ -n "$RELEASE" ] && [ "$SMOKE$WITH_CONSOLE$FIRESTORE_RULES$TEARDOWN$CHECK$BOOTSTRAP$CANARY" != nononononono ]; then
    wrong_usage "--$RELEASE deploys nothing and goes only with --only=FUNCTION and --dry-run."
  fi
  if [ -n "$CANARY" ] || [ -n "$RELEASE" ]; then
    # shellcheck disable=SC2086  # the list is words
    is_one_of "$ONLY" "" functions $FUNCTIONS || wrong_usage "--only=$ONLY: only functions have revisions."
  fi
  if [ -n "$CANARY" ]; then
    matches "$CANARY" '^[1-9][0-9]?$' || wrong_usage "--canary=$CANARY: a whole number of percent, from 1 to 99."
    # As long as a run of each hour takes part, and Cloud Monitoring shows it.
    default CANARY_MINUTES 75
    matches "$CANARY_MINUTES" '^[1-9][0-9]{0,3}$' || wrong_usage "--canary-minutes=$CANARY_MINUTES: a number of minutes, from 1 to 9999."
    if [ "$TEARDOWN$CHECK$BOOTSTRAP" != nonono ]; then wrong_usage "--canary does not go with --teardown, --check or --bootstrap."; fi
  elif [ "$PROMOTE_IF_HEALTHY$CANARY_MINUTES" != no ]; then
    wrong_usage "--canary-minutes and --promote-if-healthy go with --canary."
  fi
}

# Whether --only leaves the step in.
does() {
  # shellcheck disable=SC2086  # the list is words
  if [ "$1" = functions ] && is_one_of "$ONLY" $FUNCTIONS; then return 0; fi
  is_one_of "$ONLY" "" "$1"
}

interrupted() {
  trap '' INT TERM
  printf '\nInterrupted%s. Run %s again: it goes on from here.\n' "${STEP:+ in step \"$STEP\"}" "$AGAIN" >&2
  if [ -n "$CANARY" ]; then printf 'To end the canary: %s --rollback.\n' "$SELF" >&2; fi
  end_all
  exit 130
}

clean_up() {
  local status=$?
  if [ "$status" -eq 0 ] && has_stopped; then status=1; fi
  if [ "$status" -ne 0 ] && [ -e "$WORK/paused" ]; then
    printf 'The job %s is paused until ./deploy.sh comes to its end, or: gcloud scheduler jobs resume %s --location=%s --project=%s\n' \
      "$JOB" "$JOB" "$REGION" "$PROJECT_ID" >&2
  fi
  rm -rf "$WORK"
  exit "$status"
}

deploy() {
  bootstrap
  if [ "$BOOTSTRAP" = yes ]; then return; fi
  if does firestore; then
    step firestore "Firestore indexes"
    declared indexes
  fi
  if does secrets; then set_up_secrets; fi
  if does messaging; then set_up_messaging; fi
  if does functions; then
    check_sender
    set_up_functions
  fi
  if does scheduler; then
    step scheduler "Scheduler"
    schedule set-up
  fi
  if does monitoring; then
    step monitoring "Monitoring"
    declared monitoring
  fi
  if does functions || does scheduler; then
    step schedule "Schedule"
    schedule resume
  fi
  if [ "$FIRESTORE_RULES" = yes ]; then set_up_rules; fi
  if [ "$WITH_CONSOLE" = yes ]; then set_up_console; fi
  # A part of the script grants a part of a policy's bindings.
  if [ -z "$ONLY" ]; then
    step members "Members"
    declared members
  fi
  if [ "$SMOKE" = yes ]; then smoke_test; fi
}

summary() {
  stop_if_stopped
  created="$(count_of created)" changed="$(count_of changed)" removed="$(count_of removed)" unchanged="$(count_of unchanged)"
  STEP=""
  if [ "$CHECK" = yes ]; then
    say ""
    say "Check: nothing was changed. Missing: $created, different: $changed, too many: $removed, changed by hand: $(count_of by-hand), as it should be: $unchanged."
    if [ "$WITH_CONSOLE" = no ]; then say "The console was left out: --check --console looks at it, too."; fi
    return
  fi
  if [ "$DRY_RUN" = yes ]; then
    say ""
    say "Dry run: nothing was changed. To be created: $created, to be changed: $changed, to be removed: $removed, as it should be: $unchanged."
    return
  fi
  say ""
  say "Done. Created: $created, changed: $changed, removed: $removed, left alone: $unchanged."
  if [ "$TEARDOWN" = yes ] || [ -n "$RELEASE" ]; then return; fi
  if [ "$BOOTSTRAP" = yes ]; then
    say "All else is deployed by ./deploy.sh, without --bootstrap${DEPLOYER:+, as $DEPLOYER with DEPLOYER=$DEPLOYER in its settings}."
    return
  fi
  say "  Dispatcher  $(url_of dispatcher)"
  say "  Worker      $(url_of worker)"
  if [ "$WITH_MAIL_EVENTS" = yes ]; then say "  Mail events $(webhook_url)"; fi
  if [ "$WITH_PAGE" = yes ]; then say "  Page        $(url_of preferences)"; fi
  if [ "$WITH_CONSOLE" = yes ]; then say "  Console     $(url_of console)"; fi
  say "  Schedule    gcloud scheduler jobs describe $JOB --location=$REGION --project=$PROJECT_ID"
  say "  Run now     gcloud scheduler jobs run $JOB --location=$REGION --project=$PROJECT_ID"
  say "  Logs        https://console.cloud.google.com/run?project=$PROJECT_ID"
  say "  Dashboard   https://console.cloud.google.com/monitoring/dashboards?project=$PROJECT_ID"
  if [ -z "$ALERT_EMAIL$NOTIFICATION_CHANNELS" ]; then
    say "No one gets alerts yet: set ALERT_EMAIL or NOTIFICATION_CHANNELS in deploy.env and run this again."
  fi
}

last_warnings() { if [ -f "$WORK/warnings" ]; then cat "$WORK/warnings" >&2; fi; }

main() {
  local created changed removed unchanged
  parse_options "$@"
  AGAIN="$(quote ./deploy.sh "$@")"
  SELF="$(quote ./deploy.sh ${ENV_FILE:+"--env-file=$ENV_FILE"} ${PROJECT_OPTION:+"--project=$PROJECT_OPTION"} ${REGION_OPTION:+"--region=$REGION_OPTION"})"
  # Two that begin in one second are two.
  DEPLOYMENT="$(date -u +%Y%m%dt%H%M%Sz)-$$"
  WORK="$(mktemp -d "${TMPDIR:-/tmp}/report-pipeline.XXXXXX")"
  trap clean_up EXIT
  trap interrupted INT TERM
  if [ "$DRY_RUN" = yes ]; then PLANNED="to be "; fi
  check_tools
  load_needs
  load_settings
  set_names
  if [ -n "$RELEASE" ]; then
    release "$RELEASE"
  else
    check_everything
    if [ "$TEARDOWN" = yes ]; then tear_down; else deploy; fi
  fi
  summary
  last_warnings
  if [ "$CHECK" = yes ] && [ "$((created + changed + removed + $(count_of by-hand)))" -gt 0 ]; then exit 3; fi
  if [ -n "$CANARY" ] && [ "$DRY_RUN" = no ]; then watch_canary; fi
}

main "$@"
