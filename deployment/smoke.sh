# shellcheck shell=bash
# One run for one test user, from the schedule to the delivery record. The subscription is a sandbox's: no one gets the mail.

# Long enough for a cold start of both functions and a first retry.
SMOKE_SECONDS=180

firestore_documents() { google_program deployment.firestore_documents "$FIRESTORE_DATABASE" "$@"; }

smoke_test() {
  step smoke "Smoke test"
  # A new user each time: the pipeline sends no report twice.
  local user delivery outcome
  user="$PREFIX-smoke-test-$(date +%s)"
  if [ "$DRY_RUN" = yes ]; then
    say "    gcloud scheduler jobs run $JOB --location=$REGION --project=$PROJECT_ID, with the test user $user"
    return
  fi
  delivery="$(firestore_documents add-test-user "$user" "${SMOKE_TEST_ADDRESS:-$MAIL_FROM}")"
  schedule run
  say "  waiting for $delivery, for at most $SMOKE_SECONDS seconds"
  outcome="$(firestore_documents await-delivery "$delivery" "$SMOKE_SECONDS")"
  firestore_documents delete-test-user "$user" >/dev/null
  if [ -n "$outcome" ]; then
    local hints=("The functions' logs say why: https://console.cloud.google.com/run?project=$PROJECT_ID")
    if [ -n "$(ramp_rate 1)" ]; then
      hints+=("While a new domain is ramped up, the test waits behind the reports in the queue: ./reports queue show counts them.")
    fi
    fail "$outcome." "${hints[@]}"
  fi
  say "  arrived: $delivery"
}
