# shellcheck shell=bash
# A Cloud Run service, which each function and the console is: compared with what runs, and deployed where it differs.
# https://cloud.google.com/run/docs/deploy-functions
#
# NAME is a function's name or "console". The caller leaves in $WORK what is to run: the folder NAME, and the files
# NAME.hash, NAME.variables (VARIABLE=VALUE, a line each) and NAME.secrets (VARIABLE=SECRET:VERSION, a line each).

# size NAME WHAT: the setting DISPATCHER_MEMORY and the like.
size() {
  local name
  name="$(size_name "$1" "$2")"
  printf '%s' "${!name}"
}
size_name() { translate "$1_$2" "$SMALL" "$CAPITALS"; }

# configuration_of NAME: how the service is to be, a line each: the flag of `gcloud run deploy`, a tab, and the field that
# the flag sets, with its value, as resource_diff.py takes it. What the script sets is all here, so it is all compared.
configuration_of() {
  local name="$1" is_throttled=true has_iap=false ingress=internal image hash
  local service="metadata.annotations[run.googleapis.com" revision="spec.template.metadata.annotations[run.googleapis.com"
  local template=spec.template.spec limits="spec.template.spec.containers[0].resources.limits"
  image="$(image_of "$name")"
  hash="$(cat "$WORK/$name.hash")"
  if [ "$name" = console ]; then
    # Work that goes on between requests, such as replaying, needs a CPU then.
    is_throttled=false has_iap=true ingress=all
  else
    sets --function "$service/build-function-target]" "$(python_name "$name")"
    # Google patches the base image beneath a function without a deployment.
    sets --base-image "$service/build-base-image].basename()" "$RUNTIME"
    turns automatic-updates "$service/build-enable-automatic-updates]" true
    # The build compiles the function's modules, and then sets the times of all files to 1980. Python takes that for a
    # change, and would compile them again in each new instance. If the build has this variable, Python compares contents
    # instead of times. https://docs.python.org/3/library/py_compile.html#py_compile.PycInvalidationMode
    printf '%s\t%s\n' "--set-build-env-vars=SOURCE_DATE_EPOCH=$IMAGE_TIME" \
      "$service/build-environment-variables].json().SOURCE_DATE_EPOCH=$IMAGE_TIME"
    if is_public "$name"; then ingress=all; fi
  fi
  sets --image "$service/build-image-uri]" "$image"
  sets --build-service-account "$service/build-service-account]" "projects/$PROJECT_ID/serviceAccounts/$BUILDER"
  sets --ingress "$service/ingress]" "$ingress"
  printf '%s\t%s\n' --invoker-iam-check "$service/invoker-iam-disabled]=false"
  turns iap "$service/iap-enabled]" "$has_iap"
  sets --service-account "$template.serviceAccountName" "$(account_of "$name")"
  sets --memory "$limits.memory" "$(size "$name" MEMORY)"
  sets --cpu "$limits.cpu" "$(size "$name" CPU)"
  turns cpu-throttling "$revision/cpu-throttling]" "$is_throttled"
  turns cpu-boost "$revision/startup-cpu-boost]" true
  sets --execution-environment "$revision/execution-environment]" gen2
  sets --concurrency "$template.containerConcurrency" "$(size "$name" CONCURRENCY)"
  sets --timeout "$template.timeoutSeconds" "$(timeout_of "$name")"
  # The service's own limits hold for all revisions that share its traffic, those of a revision would add up. But a
  # revision has 100 instances at most unless it is told. https://cloud.google.com/run/docs/configuring/max-instances
  sets --min "$service/minScale]" "$(size "$name" MIN_INSTANCES)"
  sets --max "$service/maxScale]" "$(size "$name" MAX_INSTANCES)"
  sets --min-instances "spec.template.metadata.annotations[autoscaling.knative.dev/minScale]" 0
  sets --max-instances "spec.template.metadata.annotations[autoscaling.knative.dev/maxScale]" "$(size "$name" MAX_INSTANCES)"
  printf '%s\t%s\n' "--update-labels=$(labels "$hash"),$(release_labels "$name")" "metadata.labels.source-hash=$hash"
}

# image_of NAME: without its digest. In a domain-scoped project the colon of the id is a slash in the path.
image_of() { echo "$REGION-docker.pkg.dev/${PROJECT_ID/://}/$REPOSITORY/$(function_name "$1")"; }

# sets FLAG FIELD VALUE
sets() { printf '%s=%s\t%s=%s\n' "$1" "$3" "$2" "$3"; }

# turns FLAG FIELD true|false: a flag without a value, on or off.
turns() {
  local flag="--$1"
  if [ "$3" = false ]; then flag="--no-$1"; fi
  printf '%s\t%s=%s\n' "$flag" "$2" "$3"
}

# wanted_service NAME: the service as arguments of resource_diff.py, a line each.
wanted_service() {
  local line reference container="spec.template.spec.containers[0]" env
  env="$container.env"
  echo "status.conditions[type=Ready].status=True"
  # Whoever changes these leaves everything else as it was.
  echo "spec.template.spec.containers.#=1"
  echo "$container.image.repository()=$(image_of "$1")"
  echo "$container.command.#=0"
  echo "$container.args.#=0"
  configuration_of "$1" | cut -f 2-
  echo "$env.#=$(cat "$WORK/$1.variables" "$WORK/$1.secrets" | wc -l | tr -d ' ')"
  env="${env}[name="
  while IFS= read -r line; do echo "$env${line%%=*}].value=${line#*=}"; done <"$WORK/$1.variables"
  while IFS= read -r line; do
    reference="${line#*=}"
    echo "$env${line%%=*}].valueFrom.secretKeyRef.name=${reference%:*}"
    echo "$env${line%%=*}].valueFrom.secretKeyRef.key=${reference##*:}"
  done <"$WORK/$1.secrets"
}

# prepare_service NAME WHAT: compares the service with what runs. Leaves $WORK/NAME.differs, with the word for the summary,
# if it is to be deployed, NAME.traffic if its traffic is to go to its newest revision and does not, and NAME.older if it
# belongs to Cloud Functions.
prepare_service() {
  local name="$1" what="$2" service actual line differences wanted=()
  service="$(function_name "$name")"
  while IFS= read -r line; do wanted+=("$line"); done < <(wanted_service "$name")
  actual="$(read_if_there run services describe "$service" "--region=$REGION" --format=json)"
  if [ -z "$actual" ]; then
    echo created >"$WORK/$name.differs"
    return
  fi
  differences="$(helper resource_diff "${wanted[@]}" <<<"$actual")"
  if is_made_by_hand "$service" "$actual"; then
    differences="$differences status.latestCreatedRevisionName"
  fi
  if is_of_cloud_functions "$service" "$actual"; then
    : >"$WORK/$name.older"
    differences="${differences:-metadata.labels.goog-managed-by}"
  fi
  if [ -n "$differences" ]; then
    # shellcheck disable=SC2086  # the fields are words
    differ "$what" $differences
    echo changed >"$WORK/$name.differs"
  fi
  if keeps_traffic "$name" "$actual"; then
    differs_by_hand "$what was rolled back and stays so: $(of_traffic "$name" serving) serves, and not the newest revision." \
      "To send all traffic to the newest: $SELF --promote --only=$name"
  elif misses_newest "$name" "$actual"; then
    : >"$WORK/$name.traffic"
  fi
  if [ -z "$differences" ] && [ ! -e "$WORK/$name.traffic" ]; then note unchanged "$what"; fi
}

# deploy_service NAME WHAT: as prepare_service has compared it.
deploy_service() {
  local name="$1" what="$2" service line secrets flags=() variables=()
  service="$(function_name "$name")"
  if [ -e "$WORK/$name.older" ]; then
    change functions detach "$service" "--region=$REGION"
    note changed "$what to a service of Cloud Run alone"
  fi
  if [ -e "$WORK/$name.differs" ]; then
    while IFS= read -r line; do flags+=("$line"); done < <(configuration_of "$name" | cut -f 1)
    if has_canary "$name"; then flags+=(--no-traffic --tag=canary); fi
    # Whether everybody may call it, the policy says.
    if [ "$name" = console ] || ! is_public "$name"; then flags+=(--no-allow-unauthenticated); fi
    while IFS= read -r line; do variables+=("$line"); done <"$WORK/$name.variables"
    # As a file: values may have commas and quotes in them. JSON is YAML.
    helper json_object "${variables[@]}" >"$WORK/$name.environment.json"
    secrets="$(tr '\n' ',' <"$WORK/$name.secrets")"
    change run deploy "$service" "--region=$REGION" "--source=$WORK/$name" "${flags[@]}" \
      "--env-vars-file=$WORK/$name.environment.json" "$(secrets_flag "${secrets%,}")"
    note "$(cat "$WORK/$name.differs")" "$what"
  fi
  if [ -e "$WORK/$name.traffic" ]; then
    change run services update-traffic "$service" "--region=$REGION" --to-latest
    note changed "traffic of $what to its newest revision"
  fi
}

is_to_deploy() { [ -e "$WORK/$1.differs" ] || [ -e "$WORK/$1.traffic" ]; }

secrets_flag() { if [ -n "$1" ]; then echo "--set-secrets=$1"; else echo --clear-secrets; fi; }

# is_of_cloud_functions SERVICE JSON: whether `gcloud functions deploy` has made the service, and Cloud Functions still has
# it. The label alone does not tell: it may outlive `gcloud functions detach`, and the API may be off by then.
is_of_cloud_functions() {
  # shellcheck disable=SC2034  # read_if_there reads it
  local APIS_ON=no
  [ -n "$(helper resource_value metadata.labels.goog-managed-by <<<"$2")" ] &&
    [ -n "$(read_if_there functions describe "$1" "--region=$REGION" --v2 --format='value(name)')" ]
}

# is_made_by_hand SERVICE JSON: whether the newest revision is not this script's. The console and `gcloud run` give a
# revision the labels of the one before it, and so the time of the deployment that made that one; Google makes none by
# itself. https://docs.cloud.google.com/run/docs/configuring/services/automatic-base-image-updates
is_made_by_hand() {
  local revisions newest deployment
  revisions="$(read_if_there run revisions list "--service=$1" "--region=$REGION" \
    --format='value(metadata.name,metadata.labels.deployment)')"
  newest="$(helper resource_value status.latestCreatedRevisionName <<<"$2")"
  deployment="$(awk -F '\t' -v newest="$newest" '$1 == newest { print $2 }' <<<"$revisions")"
  [ -z "$deployment" ] || [ "$(cut -f 2 <<<"$revisions" | grep -cxF -- "$deployment")" -gt 1 ]
}

# remove_service NAME WHAT
remove_service() {
  local service actual
  service="$(function_name "$1")"
  actual="$(read_if_there run services describe "$service" "--region=$REGION" --format=json)"
  if [ -z "$actual" ]; then return; fi
  if is_of_cloud_functions "$service" "$actual"; then
    remove "$2" functions delete "$service" "--region=$REGION"
  else
    remove "$2" run services delete "$service" "--region=$REGION"
  fi
}

# running_variable NAME VARIABLE: the value that the service has for it; nothing where there is none.
running_variable() {
  local actual
  actual="$(read_if_there run services describe "$(function_name "$1")" "--region=$REGION" --format=json)"
  if [ -n "$actual" ]; then helper resource_value "spec.template.spec.containers[0].env[name=$2].value" <<<"$actual"; fi
}
