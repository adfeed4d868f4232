# shellcheck shell=bash
# Removes all that the script has made, and nothing else. What is in the database stays without --delete-data; the users
# are the team's own and stay in any case, and so do the database and the APIs, which others may use.

tear_down() {
  step teardown "Teardown"
  local answer policy
  say "This removes the report pipeline \"$PREFIX\" in $REGION from project $PROJECT_ID: functions, console, queues with all tasks in"
  say "them, topics with all messages in them, job, secrets, service accounts, images, indexes, alerts and dashboard; and the mail provider's webhook to it."
  if [ "$DELETE_DATA" = yes ]; then say "All documents of the collections $COLLECTIONS in the database $FIRESTORE_DATABASE are deleted, too."; fi
  if [ "$DRY_RUN" = no ]; then
    printf 'To go on, type the project id: '
    IFS= read -r answer || true
    printf '\n'
    if [ "$answer" != "$PROJECT_ID" ]; then fail "not confirmed. Nothing was removed."; fi
  fi
  remove_job
  remove_console
  remove_functions
  remove_triggers
  declared no-messaging
  declared no-monitoring
  remove_secrets
  ACCOUNTS="$(read_if_there iam service-accounts list --format='value(email)')"
  policy="$(policy_of projects get-iam-policy "$PROJECT_ID")"
  ALONE=no
  if has_database_alone "$policy" "$ACCOUNTS"; then ALONE=yes; fi
  remove_data
  remove_indexes
  remove_accounts
  say "What stays: the database $FIRESTORE_DATABASE with its users and rules, the APIs, and gcloud's bucket $SOURCES."
}

# remove WHAT COMMAND...
remove() {
  local what="$1"
  shift
  change "$@"
  note removed "$what"
}

remove_job() {
  read_job
  if [ -n "$JOB_STATE" ]; then remove "job $JOB" scheduler jobs delete "$JOB" "--location=$REGION"; fi
}

remove_functions() {
  local there name
  for name in $FUNCTIONS; do remove_function "$name"; done
  there="$(read_if_there artifacts repositories describe "$REPOSITORY" "--location=$REGION" --format='value(name)')"
  if [ -n "$there" ]; then
    remove "image repository $REPOSITORY" artifacts repositories delete "$REPOSITORY" "--location=$REGION"
  fi
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

remove_indexes() {
  local existing name collection field
  if [ "$ALONE" = no ]; then
    warn "another pipeline of this project needs the indexes and TTL policies of the database $FIRESTORE_DATABASE; they stay."
    return
  fi
  existing="$(read_if_there firestore indexes composite list "--database=$FIRESTORE_DATABASE" --format=json)"
  while IFS= read -r name <&3; do
    remove "index ${name##*/}" firestore indexes composite delete "$name"
  done 3< <(firestore_indexes composite-names <<<"${existing:-[]}")
  existing="$(read_if_there firestore fields ttls list "--database=$FIRESTORE_DATABASE" --format=json)"
  while IFS=$'\t' read -r collection field <&3; do
    remove "TTL policy on $collection.$field" firestore fields ttls update "$field" "--collection-group=$collection" \
      "--database=$FIRESTORE_DATABASE" --disable-ttl --async
  done 3< <(firestore_indexes existing-ttl <<<"${existing:-[]}")
  existing="$(read_if_there firestore indexes fields list "--database=$FIRESTORE_DATABASE" --format=json)"
  while IFS=$'\t' read -r collection field <&3; do
    remove "indexes of $collection.$field as they are" firestore indexes fields update "$field" "--collection-group=$collection" \
      "--database=$FIRESTORE_DATABASE" --clear-exemption --async
  done 3< <(firestore_indexes existing-fields <<<"${existing:-[]}")
}

# Roles first: a deleted account would stay in the project's policy as deleted:serviceAccount:….
remove_accounts() {
  local policy name role member
  policy="$(policy_of projects get-iam-policy "$PROJECT_ID")"
  DEPLOYER="" take_back_deployers "$policy"
  while IFS=$'\t' read -r role member <&3; do
    case "$member" in
      "serviceAccount:$PREFIX-dispatcher@$ACCOUNT_DOMAIN" | "serviceAccount:$PREFIX-worker@$ACCOUNT_DOMAIN" | \
        "serviceAccount:$PREFIX-dlq-handler@$ACCOUNT_DOMAIN" | "serviceAccount:$PREFIX-preferences@$ACCOUNT_DOMAIN" | \
        "serviceAccount:$PREFIX-mail-events@$ACCOUNT_DOMAIN" | "serviceAccount:$PREFIX-console@$ACCOUNT_DOMAIN" | \
        "serviceAccount:$EVENTS_INVOKER" | "serviceAccount:$BUILDER")
        remove "$role on the project for ${member#*:}" projects remove-iam-policy-binding "$PROJECT_ID" \
          "--member=$member" "--role=$role" --all
        ;;
    esac
  done 3< <(cut -f 1,2 <<<"$policy" | sort -u)
  for name in $FUNCTIONS console scheduler tasks events build; do
    if has_line "$ACCOUNTS" "$(account_of "$name")"; then
      remove "service account $PREFIX-$name" iam service-accounts delete "$(account_of "$name")"
    fi
  done
}

remove_data() {
  if [ "$DELETE_DATA" = no ]; then return; fi
  if [ "$ALONE" = yes ]; then
    # shellcheck disable=SC2086  # the list is words
    if [ "$DRY_RUN" = no ]; then firestore_documents delete-collections $COLLECTIONS; fi
    note removed "documents of $COLLECTIONS"
  else
    warn "another pipeline of this project has its deliveries, runs and dead letters in the same collections; they stay."
  fi
}
