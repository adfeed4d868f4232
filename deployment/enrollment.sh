# shellcheck shell=bash
# Whom the dispatcher enrolls. A first deployment must say it: everybody whom it enrolls gets a report with its first run.
# docs/guides/deployment.md explains the choices.

wrong_enrollment() {
  is_one_of "$ENROLL" "" all marked none || echo "ENROLL: all, marked or none."
  matches "${ENROLL_AT_ONCE:-1}" '^[1-9][0-9]{0,8}$' || echo "ENROLL_AT_ONCE: a number of users, at least 1."
}

# Where the settings do not say it, it stays as it is: a variable that CI has lost must enroll nobody. Where it is wider
# than what runs, a person says how many users are meant.
require_enrollment() {
  local actual before
  if [ -n "$ENROLL" ] && { [ "$ENROLL" = none ] || [ -n "$ENROLL_AT_ONCE" ]; }; then return; fi
  actual="$(read_if_there run services describe "$(function_name dispatcher)" "--region=$REGION" --format=json)"
  if [ -z "$actual" ]; then
    if [ -n "$ENROLL" ]; then return; fi
    fail "ENROLL is not set: whom does the pipeline give the report \"$DEFAULT_KIND\" ($DEFAULT_CADENCE)? Nothing was changed." \
      "ENROLL=all: each user in \"users\" whose \"active\" is true, also those who are there already. They get it with the first run." \
      "ENROLL=marked: only users in whose document your application writes \"enrolled_at\": null." \
      "ENROLL=none: nobody. Your application writes all subscriptions itself." \
      "Set one of them in deploy.env or the environment. ./reports users would-enroll --enroll all counts who would get what." \
      "docs/guides/deployment.md explains it under \"Who gets reports\"."
  fi
  before="$(helper resource_value "spec.template.spec.containers[0].env[name=ENROLL].value" <<<"$actual")"
  # Versions without this setting enrolled everybody.
  before="${before:-all}"
  default ENROLL "$before"
  case "$CHECK $before $ENROLL" in
  "no none marked" | "no none all" | "no marked all")
    fail "ENROLL=$ENROLL is wider than ENROLL=$before, which runs: the next run would send email to users who get none today. Nothing was changed." \
      "./reports users would-enroll --enroll $ENROLL counts who would get what." \
      "To go on, say how many users a run may enroll: ENROLL_AT_ONCE=500, for example. A run that meets more enrolls none, and tells people."
    ;;
  esac
}
