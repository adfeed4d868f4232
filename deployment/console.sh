# shellcheck shell=bash
# The console: a Cloud Run service of its own behind Identity-Aware Proxy, with --console only. docs/guides/console.md says who
# may do what there.

# shellcheck disable=SC2034  # run_service.sh reads these by their names
# As much memory as the worker, whose code makes the previews; one instance, since work that goes on, such as replaying, is
# in its memory.
{
  CONSOLE_MEMORY=1Gi
  CONSOLE_CPU=1
  CONSOLE_CONCURRENCY=80
  CONSOLE_MIN_INSTANCES=0
  CONSOLE_MAX_INSTANCES=1
}
IAP_ROLE=roles/iap.httpsResourceAccessor

# A line for each mistake in the settings of the console.
wrong_console() {
  local member email='^[^@[:space:]:]+@[^@[:space:]:]+$' group='^(user|group):[^@[:space:]:]+@[^@[:space:]:]+$'
  for member in ${CONSOLE_OPERATORS//,/ }; do
    matches "$member" "$email" || echo "CONSOLE_OPERATORS: $member is not an e-mail address."
  done
  for member in ${CONSOLE_VIEWERS//,/ }; do
    matches "$member" "$email" || matches "$member" "$group" || matches "$member" '^domain:[a-z0-9.-]+$' ||
      echo "CONSOLE_VIEWERS: $member is none of ada@example.com, group:team@example.com, domain:example.com."
  done
  if [ "$WITH_CONSOLE$CONSOLE_OPERATORS$CONSOLE_VIEWERS" = yes ]; then
    echo "CONSOLE_OPERATORS and CONSOLE_VIEWERS are not set: say in deploy.env who may open the console."
  fi
}

set_up_console() {
  step console "Console"
  local service has_operators
  service="$(function_name console)"
  has_operators="$(has_operators)"
  count_queues
  grant_console_roles
  set_up_console_key
  deploy_console
  take_back_databases console
  restrict_console
  admit_to_console
}

has_operators() { if [ -n "$CONSOLE_OPERATORS" ]; then echo yes; else echo no; fi; }

# console_role WANTED POLICY WHERE ROLE GROUP ARGUMENT...: grants the console's account the role where WANTED is yes, and
# takes it back otherwise.
console_role() {
  local wanted="$1" policy="$2" where="$3" role="$4" group="$5" member
  member="serviceAccount:$(account_of console)"
  shift 5
  if [ "$wanted" = yes ]; then
    # shellcheck disable=SC2086  # the group is words
    bind "$policy" "$where" "$member" "$role" "" $group add-iam-policy-binding "$@"
  elif has_binding "$policy" "$role" "$member" ""; then
    # shellcheck disable=SC2086  # the group is words
    change $group remove-iam-policy-binding "$@" "--member=$member" "--role=$role"
    note removed "$role on $where for ${member#*:}"
  fi
}

# The account, and its roles on the project and on another account: to look, and, where there are operators, to act.
set_up_console_account() {
  step console "Console's account"
  local existing policy member has_operators
  has_operators="$(has_operators)"
  existing="$(read_if_there iam service-accounts list --format='value(email)')"
  if ! has_line "$existing" "$(account_of console)"; then
    # Identity-Aware Proxy's own account, which is to call the service.
    change beta services identity create --service=iap.googleapis.com
  fi
  ensure_account console "Report pipeline: the console"
  member="serviceAccount:$(account_of console)"

  policy="$(policy_of projects get-iam-policy "$PROJECT_ID")"
  bind_database "$policy" console roles/datastore.viewer
  if [ "$has_operators" = yes ]; then
    bind_database "$policy" console roles/datastore.user
  elif grep -qF -- "roles/datastore.user"$'\t'"$member"$'\t' <<<"$policy"; then
    change projects remove-iam-policy-binding "$PROJECT_ID" "--member=$member" --role=roles/datastore.user --all
    note removed "roles/datastore.user on the project for ${member#*:}"
  fi
  policy="$(policy_of iam service-accounts get-iam-policy "$TASKS_INVOKER")"
  console_role "$has_operators" "$policy" "$PREFIX-tasks" roles/iam.serviceAccountUser "iam service-accounts" \
    "$TASKS_INVOKER"
}

# The account's other roles.
grant_console_roles() {
  local existing policy name role variable wanted place="--region=$REGION"
  # The settings that the functions run with, such as the sender.
  for name in dispatcher worker; do
    policy="$(policy_of run services get-iam-policy "$(function_name "$name")" "$place")"
    console_role yes "$policy" "function $PREFIX-$name" roles/run.viewer "run services" "$(function_name "$name")" "$place"
  done
  place="--location=$REGION"
  for name in $(queue_names); do
    policy="$(policy_of tasks queues get-iam-policy "$name" "$place")"
    console_role yes "$policy" "queue $name" roles/cloudtasks.viewer "tasks queues" "$name" "$place"
    for role in enqueuer taskRunner queueAdmin; do
      console_role "$has_operators" "$policy" "queue $name" "roles/cloudtasks.$role" "tasks queues" "$name" "$place"
    done
  done
  # For a test mail that an operator has sent to themselves.
  existing="$(existing_secrets)"
  for variable in $PROVIDER_SECRETS; do
    name="$(secret_name "$variable")"
    if ! has_line "$existing" "$name"; then continue; fi
    wanted=no
    if [ "$variable" = "$(key_of "$MAIL_PROVIDER")" ]; then wanted="$has_operators"; fi
    policy="$(policy_of secrets get-iam-policy "$name")"
    console_role "$wanted" "$policy" "secret $name" roles/secretmanager.secretAccessor secrets "$name"
  done
}

# The key of the forms: made once, so that a form holds when another instance takes it.
set_up_console_key() {
  local existing CONSOLE_KEY=""
  if [ -z "$(version_of "$(secret_name CONSOLE_KEY)")" ]; then
    # shellcheck disable=SC2034  # ensure_secret reads both
    CONSOLE_KEY="$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')"
  fi
  # shellcheck disable=SC2034  # as above
  existing="$(existing_secrets)"
  ensure_secret CONSOLE_KEY console ""
}

console_environment() {
  echo "GOOGLE_CLOUD_PROJECT=$PROJECT_ID"
  echo "FIRESTORE_DATABASE=$FIRESTORE_DATABASE"
  echo "LOCATION=$REGION"
  echo "PREFIX=$PREFIX"
  echo "LOG_LEVEL=$LOG_LEVEL"
  echo "CONSOLE_URL=$(url_of console)"
  # https://cloud.google.com/iap/docs/signed-headers-howto
  echo "CONSOLE_AUDIENCE=/projects/$PROJECT_NUMBER/locations/$REGION/services/$service"
  if [ "$has_operators" = yes ]; then echo "CONSOLE_OPERATORS=$CONSOLE_OPERATORS"; fi
}

deploy_console() {
  local hash
  hash="$(helper stage_console "$ROOT" "$WORK/console" "$RUNTIME")"
  printf '%s' "${hash:0:40}" >"$WORK/console.hash"
  console_environment >"$WORK/console.variables"
  echo "CONSOLE_KEY=$(secret_name CONSOLE_KEY):$(version_of "$(secret_name CONSOLE_KEY)")" >"$WORK/console.secrets"
  prepare_service console "console $service"
  if ! is_to_deploy console; then return; fi
  deploy_service console "console $service"
}

# Only Identity-Aware Proxy calls the service.
restrict_console() {
  local policy caller="service-$PROJECT_NUMBER@gcp-sa-iap.iam.gserviceaccount.com"
  policy="$(policy_of run services get-iam-policy "$service" "--region=$REGION")"
  bind "$policy" "console $service" "serviceAccount:$caller" roles/run.invoker "" \
    run services add-iam-policy-binding "$service" "--region=$REGION"
  close_to_all "$policy" "console $service" "$service"
}

# Who may open the console, as members of a policy, a line each.
console_members() {
  local member
  for member in ${CONSOLE_OPERATORS//,/ } ${CONSOLE_VIEWERS//,/ }; do
    case "$member" in
      *:*) echo "$member" ;;
      *) echo "user:$member" ;;
    esac
  done
}

# Identity-Aware Proxy lets in whom the settings name, and no one else.
admit_to_console() {
  local policy wanted member role resource=(--resource-type=cloud-run "--service=$service" "--region=$REGION")
  wanted="$(console_members)"
  policy="$(policy_of iap web get-iam-policy "${resource[@]}")"
  for member in $wanted; do
    bind "$policy" "console $service" "$member" "$IAP_ROLE" "" iap web add-iam-policy-binding "${resource[@]}"
  done
  while IFS=$'\t' read -r role member _ <&3; do
    if [ "$role" = "$IAP_ROLE" ] && ! has_line "$wanted" "$member"; then
      change iap web remove-iam-policy-binding "${resource[@]}" "--member=$member" "--role=$IAP_ROLE"
      note removed "$IAP_ROLE on console $service for $member"
    fi
  done 3<<<"$policy"
}

remove_console() {
  local name
  remove_service console "console $(function_name console)"
  name="$(secret_name CONSOLE_KEY)"
  if has_line "$(existing_secrets)" "$name"; then remove "secret $name" secrets delete "$name"; fi
}
