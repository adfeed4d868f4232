# shellcheck shell=bash
# Removes all that the script has made, and nothing else. What is in the database stays without --delete-data; the users
# are the team's own and stay in any case, and so do the database and the APIs, which others may use.

tear_down() {
  step teardown "Teardown"
  local answer
  say "This removes the report pipeline \"$PREFIX\" in $REGION from project $PROJECT_ID: functions, console, queues with all tasks in"
  say "them, topics with all messages in them, job, secrets, service accounts, images, indexes, alerts and dashboard; and the mail provider's webhook to it."
  if [ "$DELETE_DATA" = yes ]; then say "All documents of the collections $COLLECTIONS in the database $FIRESTORE_DATABASE are deleted, too."; fi
  if [ "$DRY_RUN" = no ]; then
    printf 'To go on, type the project id: '
    IFS= read -r answer || true
    printf '\n'
    if [ "$answer" != "$PROJECT_ID" ]; then fail "not confirmed. Nothing was removed."; fi
  fi
  declared no-schedule
  remove_console
  remove_functions
  remove_triggers
  declared no-repository
  declared no-messaging
  declared no-monitoring
  remove_secrets
  declared no-indexes
  remove_data
  declared no-roles
  declared no-accounts
  say "What stays: the database $FIRESTORE_DATABASE with its users and rules, the APIs, and gcloud's bucket $SOURCES."
}

# remove WHAT COMMAND...
remove() {
  local what="$1"
  shift
  change "$@"
  note removed "$what"
}

remove_functions() {
  local name
  for name in $FUNCTIONS; do remove_function "$name"; done
}

remove_function() { # FUNCTION
  local there=""
  if [ "$1" = mail-events ]; then
    there="$(read_if_there run services describe "$(function_name mail-events)" "--region=$REGION" --format='value(metadata.name)')"
    # A webhook can be there without its function, where a deployment did not come to its end.
    if [ -n "$there" ] || [ "$WITH_MAIL_EVENTS" = yes ]; then remove_webhook "$MAIL_PROVIDER"; fi
  fi
  remove_service "$1" "function $(function_name "$1")"
}

remove_secrets() {
  local existing variable name
  existing="$(existing_secrets)"
  for variable in $SECRETS $KIND_SECRETS; do
    name="$(secret_name "$variable")"
    if has_line "$existing" "$name"; then remove "secret $name" secrets delete "$name"; fi
  done
}

remove_data() {
  if [ "$DELETE_DATA" = no ] || [ -e "$WORK/shared" ]; then return; fi
  # shellcheck disable=SC2086  # the list is words
  if [ "$DRY_RUN" = no ]; then firestore_documents delete-collections $COLLECTIONS; fi
  note removed "documents of $COLLECTIONS"
}
