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
  local service
  service="$(function_name console)"
  count_queues
  declared console-roles
  set_up_console_key
  declared readers
  deploy_console
  declared console-callers
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
  ensure_secret CONSOLE_KEY ""
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
  if [ -n "$CONSOLE_OPERATORS" ]; then echo "CONSOLE_OPERATORS=$CONSOLE_OPERATORS"; fi
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

remove_console() {
  local name
  remove_service console "console $(function_name console)"
  name="$(secret_name CONSOLE_KEY)"
  if has_line "$(existing_secrets)" "$name"; then remove "secret $name" secrets delete "$name"; fi
}
