# shellcheck shell=bash
# The APIs of the services that the pipeline and its deployment use.

APIS="artifactregistry cloudbuild cloudquotas cloudresourcemanager cloudscheduler cloudtasks firestore iam logging monitoring pubsub
run secretmanager storage"

enable_apis() {
  step apis "APIs"
  local enabled api missing=()
  if [ "$FIRESTORE_RULES" = yes ]; then APIS="$APIS firebaserules"; fi
  if [ "$WITH_CONSOLE" = yes ]; then APIS="$APIS iap"; fi
  if [ -n "$BUDGET" ]; then APIS="$APIS billingbudgets cloudbilling"; fi
  enabled="$(read_if_there services list --enabled --format='value(config.name)')"
  for api in $APIS; do
    if has_line "$enabled" "$api.googleapis.com"; then
      note unchanged "API $api"
    else
      missing+=("$api.googleapis.com")
    fi
  done
  if [ "${#missing[@]}" -gt 0 ]; then
    change services enable "${missing[@]}"
    for api in "${missing[@]}"; do note created "API ${api%.googleapis.com}"; done
  fi
  if [ "${#missing[@]}" -eq 0 ] || [ "$DRY_RUN$LOOKS_ONLY" = nono ]; then
    # shellcheck disable=SC2034  # read by gcloud.sh
    APIS_ON=yes
  fi
}
