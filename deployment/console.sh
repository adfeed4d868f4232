# shellcheck shell=bash
# The console: a Cloud Run service of its own behind Identity-Aware Proxy, with --console only. docs/console.md says who
# may do what there.

# As much as the worker, whose code makes the previews.
CONSOLE_MEMORY=1Gi
CONSOLE_TIMEOUT=300
CONSOLE_CONCURRENCY=80
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
  local service has_operators=no
  service="$(function_name console)"
  if [ -n "$CONSOLE_OPERATORS" ]; then has_operators=yes; fi
  count_queues
  if ! does functions; then ensure_repository; fi
  set_up_console_account
  set_up_console_key
  deploy_console
  take_back_databases console
  restrict_console
  admit_to_console
}

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

# The account and its roles: to look, and, where there are operators, to act.
set_up_console_account() {
  local existing policy member name role variable wanted place="--region=$REGION"
  existing="$(read_if_there iam service-accounts list --format='value(email)')"
  ensure_account console "Report pipeline: the console"
  member="serviceAccount:$(account_of console)"

  policy="$(policy_of projects get-iam-policy "$PROJECT_ID")"
  bind_database "$policy" "$member" roles/datastore.viewer
  if [ "$has_operators" = yes ]; then
    bind_database "$policy" "$member" roles/datastore.user
  elif grep -qF -- "roles/datastore.user"$'\t'"$member"$'\t' <<<"$policy"; then
    change projects remove-iam-policy-binding "$PROJECT_ID" "--member=$member" --role=roles/datastore.user --all
    note removed "roles/datastore.user on the project for ${member#*:}"
  fi
  # The bucket to which gcloud uploads what Cloud Run builds; where its name would be too long, it is another.
  bind_project "$policy" "serviceAccount:$BUILDER" roles/storage.objectViewer "$PREFIX-run-sources" \
    'resource.name.startsWith("projects/_/buckets/run-sources-")'

  # The settings that the functions run with, such as the sender.
  for name in dispatcher worker; do
    policy="$(policy_of functions get-iam-policy "$(function_name "$name")" "$place")"
    console_role yes "$policy" "function $PREFIX-$name" roles/cloudfunctions.viewer functions \
      "$(function_name "$name")" "$place"
  done
  place="--location=$REGION"
  for name in $(queue_names); do
    policy="$(policy_of tasks queues get-iam-policy "$name" "$place")"
    console_role yes "$policy" "queue $name" roles/cloudtasks.viewer "tasks queues" "$name" "$place"
    for role in enqueuer taskRunner queueAdmin; do
      console_role "$has_operators" "$policy" "queue $name" "roles/cloudtasks.$role" "tasks queues" "$name" "$place"
    done
  done
  policy="$(policy_of iam service-accounts get-iam-policy "$TASKS_INVOKER")"
  console_role "$has_operators" "$policy" "$PREFIX-tasks" roles/iam.serviceAccountUser "iam service-accounts" \
    "$TASKS_INVOKER"
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

# Prints the service as wanted, as arguments of resource_diff.py, a line each.
wanted_console() { # HASH KEY-VERSION
  local line template=spec.template container="spec.template.spec.containers[0]"
  echo "status.conditions[type=Ready].status=True"
  echo "metadata.labels.source-hash=$1"
  echo "metadata.annotations[run.googleapis.com/iap-enabled]=true"
  echo "metadata.annotations[run.googleapis.com/ingress]=all"
  echo "$template.metadata.annotations[autoscaling.knative.dev/maxScale]=1"
  echo "$template.metadata.annotations[run.googleapis.com/cpu-throttling]=false"
  echo "$template.spec.serviceAccountName=$(account_of console)"
  echo "$template.spec.timeoutSeconds=$CONSOLE_TIMEOUT"
  echo "$template.spec.containerConcurrency=$CONSOLE_CONCURRENCY"
  echo "$container.resources.limits.memory=$CONSOLE_MEMORY"
  echo "$container.env.#=$(($(wc -l <"$WORK/console.variables") + 1))"
  while IFS= read -r line; do echo "$container.env[name=${line%%=*}].value=${line#*=}"; done <"$WORK/console.variables"
  echo "$container.env[name=CONSOLE_KEY].valueFrom.secretKeyRef.name=$(secret_name CONSOLE_KEY)"
  echo "$container.env[name=CONSOLE_KEY].valueFrom.secretKeyRef.key=$2"
}

deploy_console() {
  local actual differences hash key line verb=changed wanted=() variables=()
  hash="$(helper stage_console "$ROOT" "$WORK/console" "$RUNTIME")"
  hash="${hash:0:40}"
  console_environment >"$WORK/console.variables"
  key="$(version_of "$(secret_name CONSOLE_KEY)")"
  while IFS= read -r line; do wanted+=("$line"); done < <(wanted_console "$hash" "$key")
  actual="$(read_if_there run services describe "$service" "--region=$REGION" --format=json)"
  differences="$(helper resource_diff "${wanted[@]}" <<<"${actual:-{\}}")"
  if [ -n "$actual" ] && [ -z "$differences" ]; then
    note unchanged "console $service"
    return
  fi
  if [ -z "$actual" ]; then
    verb=created
    # Identity-Aware Proxy's own account, which is to call the service.
    change beta services identity create --service=iap.googleapis.com
  else
    detail "differs in console $service:" "$differences"
  fi
  while IFS= read -r line; do variables+=("$line"); done <"$WORK/console.variables"
  helper json_object "${variables[@]}" >"$WORK/console.environment.json"
  # One instance, since work that goes on, such as replaying, is in its memory; with a CPU between requests for the same
  # reason. In a domain-scoped project the colon of the id is a slash in the path of the image.
  change run deploy "$service" "--region=$REGION" "--source=$WORK/console" \
    "--image=$REGION-docker.pkg.dev/${PROJECT_ID/://}/$REPOSITORY/$service" \
    "--service-account=$(account_of console)" "--build-service-account=projects/$PROJECT_ID/serviceAccounts/$BUILDER" \
    --iap --no-allow-unauthenticated --ingress=all \
    "--memory=$CONSOLE_MEMORY" --cpu=1 "--concurrency=$CONSOLE_CONCURRENCY" "--timeout=$CONSOLE_TIMEOUT" \
    --min-instances=0 --max-instances=1 --no-cpu-throttling \
    "--env-vars-file=$WORK/console.environment.json" "--set-secrets=CONSOLE_KEY=$(secret_name CONSOLE_KEY):$key" \
    "--update-labels=$(labels "$hash")"
  note "$verb" "console $service"
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
  local service there name
  service="$(function_name console)"
  there="$(read_if_there run services describe "$service" "--region=$REGION" --format='value(metadata.name)')"
  if [ -n "$there" ]; then remove "console $service" run services delete "$service" "--region=$REGION"; fi
  name="$(secret_name CONSOLE_KEY)"
  if has_line "$(existing_secrets)" "$name"; then remove "secret $name" secrets delete "$name"; fi
}
