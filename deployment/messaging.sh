# shellcheck shell=bash
# The dead letter topic and the report queues.

QUEUE_FLAGS="$ROOT/queue.yaml"
CONTINUATION_FLAGS="$ROOT/deployment/continuation-queue.yaml"

set_up_messaging() {
  step messaging "Topic and queues"
  ensure_topic
  count_queues
  local queue rate file="$QUEUE_FLAGS" ramp=no
  rate="$(ramp_rate "$QUEUES")"
  if [ -n "$rate" ]; then
    ramp=yes
    file="$WORK/queue-of-the-ramp.yaml"
    sed '/^--max-dispatches-per-second:/d' "$QUEUE_FLAGS" >"$file"
    echo "--max-dispatches-per-second: $rate" >>"$file"
  fi
  for queue in $(queue_names); do ensure_queue "$queue" "$file" "$ramp"; done
  ensure_queue "$CONTINUATIONS" "$CONTINUATION_FLAGS" no
}

# The most dispatches a second of a report queue: queue.yaml's, or Cloud Tasks' own default.
full_rate() {
  local rate
  rate="$(flag_in "$QUEUE_FLAGS" --max-dispatches-per-second)"
  echo "${rate:-500}"
}

# ramp_rate QUEUES: the rate that each of so many report queues has today while a new domain is ramped up; nothing without
# a ramp, or once it is over. Settings that are wrong are lines on standard error.
ramp_rate() {
  if [ -z "$RAMP_START" ]; then return; fi
  helper ramp_rate "$RAMP_START" "$RAMP_FIRST_DAY" "$RAMP_GROWTH" "$(full_rate)" "$1"
}

ensure_topic() {
  local there policy name
  there="$(read_if_there pubsub topics describe "$TOPIC" --format='value(name)')"
  if [ -n "$there" ]; then
    note unchanged "topic $TOPIC"
  else
    change pubsub topics create "$TOPIC"
    note created "topic $TOPIC"
  fi
  policy="$(policy_of pubsub topics get-iam-policy "$TOPIC")"
  for name in dispatcher worker mail-events; do
    if ! is_deployed "$name"; then continue; fi
    bind "$policy" "topic $TOPIC" "serviceAccount:$(account_of "$name")" roles/pubsub.publisher "" \
      pubsub topics add-iam-policy-binding "$TOPIC"
  done
}

# The existing queues, a line each.
existing_queues() {
  local all
  all="$(read_if_there tasks queues list "--location=$REGION" --format='value(name.basename())')"
  grep -xE "$QUEUE_NAME(-[0-9]+)?" <<<"$all" || true
}

# The number of queues: the one that was asked for, or the number of existing queues.
count_queues() {
  local existing queue
  if [ "$QUEUES_COUNTED" = yes ]; then return; fi
  existing="$(existing_queues)"
  if [ -z "$QUEUES" ]; then
    QUEUES="$(grep -c . <<<"$existing" || true)"
    if [ "$QUEUES" -eq 0 ]; then QUEUES=1; fi
  fi
  QUEUES_COUNTED=yes
  for queue in $existing; do
    # shellcheck disable=SC2046  # names without spaces
    is_one_of "$queue" $(queue_names) || warn "queue $queue gets no more reports. When it is empty: gcloud tasks queues delete $queue --location=$REGION"
  done
}

# Which field of a queue each flag sets.
field_of() {
  case "$1" in
    --max-dispatches-per-second) echo rateLimits.maxDispatchesPerSecond ;;
    --max-concurrent-dispatches) echo rateLimits.maxConcurrentDispatches ;;
    --max-attempts) echo retryConfig.maxAttempts ;;
    --max-retry-duration) echo retryConfig.maxRetryDuration ;;
    --min-backoff) echo retryConfig.minBackoff ;;
    --max-backoff) echo retryConfig.maxBackoff ;;
    --max-doublings) echo retryConfig.maxDoublings ;;
    --log-sampling-ratio) echo stackdriverLoggingConfig.samplingRatio ;;
    *) echo "$1" ;; # compared with nothing: such a queue is updated each time
  esac
}

# wanted_queue FILE: prints the queue that the flags file wants, as arguments of resource_diff.py, one per line.
wanted_queue() {
  local flag value
  for flag in $(flags_in "$1"); do
    value="$(flag_in "$1" "$flag")"
    if [ "$value" = unlimited ]; then value=-1; fi
    echo "$(field_of "$flag")=$value"
  done
}

# ensure_queue QUEUE FILE RAMP: RAMP is yes where the dispatcher sets the queue's rate.
ensure_queue() {
  local queue="$1" file="$2" ramp="$3" actual policy line roles setter=roles/cloudtasks.queueAdmin wanted=()
  actual="$(read_if_there tasks queues describe "$queue" "--location=$REGION" --format=json)"
  while IFS= read -r line; do wanted+=("$line"); done < <(wanted_queue "$file")
  if [ -z "$actual" ]; then
    change tasks queues create "$queue" "--location=$REGION" "--flags-file=$file"
    note created "queue $queue"
  elif [ -n "$(helper resource_diff "${wanted[@]}" <<<"$actual")" ]; then
    change tasks queues update "$queue" "--location=$REGION" "--flags-file=$file"
    note changed "queue $queue"
  else
    note unchanged "queue $queue"
  fi
  if [ -n "$actual" ] && [ -n "$(helper resource_diff state=RUNNING <<<"$actual")" ]; then
    warn "queue $queue is paused and stays so: gcloud tasks queues resume $queue --location=$REGION"
  fi
  policy="$(policy_of tasks queues get-iam-policy "$queue" "--location=$REGION")"
  # The second for the queue's retry settings, which the dispatcher reads.
  roles="roles/cloudtasks.enqueuer roles/cloudtasks.viewer"
  if [ "$ramp" = yes ]; then roles="$roles $setter"; fi
  for line in $roles; do
    bind "$policy" "queue $queue" "serviceAccount:$(account_of dispatcher)" "$line" "" \
      tasks queues add-iam-policy-binding "$queue" "--location=$REGION"
  done
  if [ "$ramp" = no ] && has_binding "$policy" "$setter" "serviceAccount:$(account_of dispatcher)" ""; then
    change tasks queues remove-iam-policy-binding "$queue" "--location=$REGION" \
      "--member=serviceAccount:$(account_of dispatcher)" "--role=$setter"
    note removed "$setter on queue $queue for $(account_of dispatcher)"
  fi
}
