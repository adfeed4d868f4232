# shellcheck shell=bash
# The dead letter topic and the report queues.

QUEUE_FLAGS="$ROOT/queue.yaml"
CONTINUATION_FLAGS="$ROOT/deployment/continuation-queue.yaml"

set_up_messaging() {
  step messaging "Topic and queues"
  ensure_topic
  count_queues
  local queue
  for queue in $(queue_names); do ensure_queue "$queue" "$QUEUE_FLAGS"; done
  ensure_queue "$CONTINUATIONS" "$CONTINUATION_FLAGS"
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
  for name in dispatcher worker; do
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

ensure_queue() { # QUEUE FILE
  local queue="$1" file="$2" actual policy line wanted=()
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
  for line in roles/cloudtasks.enqueuer roles/cloudtasks.viewer; do
    bind "$policy" "queue $queue" "serviceAccount:$(account_of dispatcher)" "$line" "" \
      tasks queues add-iam-policy-binding "$queue" "--location=$REGION"
  done
}
