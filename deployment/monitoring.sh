# shellcheck shell=bash
# Sets up monitoring: log-based metrics, the service level objective, alert policies with their notification channels,
# a dashboard, and a budget.

set_up_monitoring() {
  step monitoring "Monitoring"
  local channels template
  QUEUE_DEPTH="$(half_an_hour_of_tasks)"
  channels="$(ensure_channels)"
  render .metric.json -- "$ROOT"/deployment/metrics/*.json
  render .json -- "$ROOT/deployment/objective.json" "$ROOT/deployment/dashboard.json"
  for template in "$ROOT"/deployment/metrics/*.json; do
    template="${template##*/}"
    ensure_metric "${template%.json}"
  done
  ensure_objective
  ensure_policies "$channels"
  ensure_dashboard
  # The last of the channels is that of ALERT_EMAIL.
  ensure_budget "${ALERT_EMAIL:+${channels##*,}}"
}

# render SUFFIX NAME=VALUE... -- FILE...: fills in templates of this folder. That of NAME.json is $WORK/NAME with the suffix.
render() {
  helper render "$WORK" "$1" "PREFIX=$PREFIX" "REGION=$REGION" "PROJECT_ID=$PROJECT_ID" \
    "QUEUE_NAME=$QUEUE_NAME" "TOPIC=$TOPIC" "DASHBOARD=$DASHBOARD" "SLO_PERCENT=$SLO_PERCENT" "RUNBOOK_URL=$RUNBOOK_URL" \
    "QUEUE_DEPTH=$QUEUE_DEPTH" "${@:2}"
}

# The workers cannot empty a queue that is deeper than this within half an hour.
half_an_hour_of_tasks() {
  awk -v rate="$(flag_in "$QUEUE_FLAGS" --max-dispatches-per-second)" \
    'BEGIN { if (rate == "") rate = 500; depth = rate * 1800; printf "%d", depth < 1 ? 1 : depth }'
}

# first LINES KEY...: of lines "name, tab, key, tab, key", the name in the first that has these keys.
first() {
  local lines="$1" name keys wanted
  shift
  printf -v wanted '%s\t' "$@"
  while IFS=$'\t' read -r name keys; do
    if [ "$keys" = "${wanted%$'\t'}" ]; then
      printf '%s' "$name"
      return
    fi
  done <<<"$lines"
}

channel_for() {
  local channels
  channels="$(read_if_there beta monitoring channels list --format='value(name,labels.email_address)')"
  first "$channels" "$1"
}

# The names of the notification channels, separated by commas: those that are given, and one for ALERT_EMAIL.
ensure_channels() {
  local channels="$NOTIFICATION_CHANNELS" existing
  if [ -n "$ALERT_EMAIL" ]; then
    existing="$(channel_for "$ALERT_EMAIL")"
    if [ -z "$existing" ]; then
      change beta monitoring channels create "--display-name=Report pipeline ($PREFIX)" --type=email \
        "--channel-labels=email_address=$ALERT_EMAIL" "--user-labels=pipeline=$PREFIX" >&2
      note created "notification channel for $ALERT_EMAIL" >&2
      existing="$(channel_for "$ALERT_EMAIL")"
      if [ "$DRY_RUN" = yes ]; then existing="projects/$PROJECT_ID/notificationChannels/NUMBER"; fi
    else
      note unchanged "notification channel for $ALERT_EMAIL"
    fi
    if [ -n "$existing" ]; then channels="${channels:+$channels,}$existing"; fi
  fi
  printf '%s' "$channels"
}

ensure_metric() {
  local metric="$PREFIX-$1" file="$WORK/$1.metric.json" actual
  actual="$(read_if_there logging metrics describe "$metric" --format=json)"
  if [ -z "$actual" ]; then
    change logging metrics create "$metric" "--config-from-file=$file"
    note created "metric $metric"
  elif is_different "metric $metric" --file "$file" <<<"$actual"; then
    change logging metrics update "$metric" "--config-from-file=$file"
    note changed "metric $metric"
  else
    note unchanged "metric $metric"
  fi
}

# service_objective COMMAND [FILE]
service_objective() { rest_call roles/monitoring.editor service_objective "$MONITORED_SERVICE" on-time "$@"; }

ensure_objective() {
  local file="$WORK/objective.json" what state fields
  service_objective states "$file" >"$WORK/objective"
  if grep -qvx same "$WORK/objective"; then
    if [ "$DRY_RUN" = no ]; then
      service_objective apply "$file"
    else
      planned "objective $MONITORED_SERVICE/on-time, over Cloud Monitoring's REST interface: $SLO_PERCENT % in 30 days"
    fi
  fi
  for what in "monitored service $MONITORED_SERVICE" "objective on-time of $MONITORED_SERVICE"; do
    # The file has one line where the API is not on yet.
    read -r state fields <&3 || state=none
    case "$state" in
      none) note created "$what" ;;
      same) note unchanged "$what" ;;
      *)
        differ "$what" "$fields"
        note changed "$what"
        ;;
    esac
  done 3<"$WORK/objective"
}

# ensure_policies CHANNELS: each alert policy, found again by its labels.
ensure_policies() {
  local policies alert name fields
  render .policy.json "CHANNELS=$1" -- "$ROOT"/deployment/alert_policies/*.json
  policies="$(read_if_there monitoring policies list --format=json)"
  helper policy_diff "$WORK"/*.policy.json <<<"${policies:-[]}" >"$WORK/policies"
  while IFS=$'\t' read -r alert name fields <&3; do
    if [ "$name" = none ]; then
      change monitoring policies create "--policy-from-file=$WORK/$alert.policy.json"
      note created "alert policy $alert"
    elif [ -n "$fields" ]; then
      # shellcheck disable=SC2086  # the fields are words
      differ "alert policy $alert" $fields
      change monitoring policies update "$name" "--policy-from-file=$WORK/$alert.policy.json"
      note changed "alert policy $alert"
    else
      note unchanged "alert policy $alert"
    fi
  done 3<"$WORK/policies"
}

dashboard_name() {
  local dashboards
  dashboards="$(read_if_there monitoring dashboards list --format='value(name,displayName)')"
  first "$dashboards" "$DASHBOARD"
}

ensure_dashboard() {
  local name actual file="$WORK/dashboard.json"
  name="$(dashboard_name)"
  if [ -z "$name" ]; then
    change monitoring dashboards create "--config-from-file=$file"
    note created "dashboard \"$DASHBOARD\""
    return
  fi
  actual="$(read_if_there monitoring dashboards describe "$name" --format=json)"
  if ! is_different "dashboard \"$DASHBOARD\"" --file "$file" <<<"$actual"; then
    note unchanged "dashboard \"$DASHBOARD\""
    return
  fi
  # Monitoring takes an update only of its latest version.
  helper render --etag "$file" <<<"$actual" >"$WORK/dashboard.update.json"
  change monitoring dashboards update "$name" "--config-from-file=$WORK/dashboard.update.json"
  note changed "dashboard \"$DASHBOARD\""
}
