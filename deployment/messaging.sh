# shellcheck shell=bash
# The topics and subscriptions of dead letters, and the report queues.

QUEUE_FLAGS="$ROOT/queue.yaml"
CONTINUATION_FLAGS="$ROOT/deployment/continuation-queue.yaml"

set_up_messaging() {
  step messaging "Topics and queues"
  set_up_topics
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

set_up_topics() {
  local policy name signer
  signer="serviceAccount:service-$PROJECT_NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com"
  # shellcheck disable=SC2153  # names.sh sets it
  ensure_topic "$TOPIC"
  policy="$(policy_of pubsub topics get-iam-policy "$TOPIC")"
  for name in dispatcher worker mail-events; do
    if ! is_deployed "$name"; then continue; fi
    bind "$policy" "topic $TOPIC" "serviceAccount:$(account_of "$name")" roles/pubsub.publisher "" \
      pubsub topics add-iam-policy-binding "$TOPIC"
  done
  # First the one that takes what cannot be delivered: a message to a topic without a subscription is lost.
  ensure_topic "$UNDELIVERABLE"
  ensure_subscription "$UNDELIVERABLE"
  policy="$(policy_of pubsub topics get-iam-policy "$UNDELIVERABLE")"
  bind "$policy" "topic $UNDELIVERABLE" "$signer" roles/pubsub.publisher "" \
    pubsub topics add-iam-policy-binding "$UNDELIVERABLE"
  ensure_subscription "$TOPIC"
  # Pub/Sub takes a message out of the subscription when it forwards it.
  # https://cloud.google.com/pubsub/docs/dead-letter-topics
  policy="$(policy_of pubsub subscriptions get-iam-policy "$TOPIC")"
  bind "$policy" "subscription $TOPIC" "$signer" roles/pubsub.subscriber "" \
    pubsub subscriptions add-iam-policy-binding "$TOPIC"
}

ensure_topic() { # NAME
  local there
  there="$(read_if_there pubsub topics describe "$1" --format='value(name)')"
  if [ -n "$there" ]; then
    note unchanged "topic $1"
  else
    change pubsub topics create "$1"
    note created "topic $1"
  fi
}

# subscription_of NAME: how the subscription to the topic of the same name is to be, as configuration_of has a service.
subscription_of() {
  local url
  url="$(url_of dlq-handler)"
  if [ "$1" = "$TOPIC" ]; then
    # functions-framework takes the topic's name from the path.
    sets --push-endpoint pushConfig.pushEndpoint "$url/projects/$PROJECT_ID/topics/$TOPIC"
    sets --push-auth-service-account pushConfig.oidcToken.serviceAccountEmail "$EVENTS_INVOKER"
    sets --push-auth-token-audience pushConfig.oidcToken.audience "$url"
    # The longest that Pub/Sub takes: 100 attempts end after nearly 16 hours.
    sets --min-retry-delay retryPolicy.minimumBackoff 10s
    sets --max-retry-delay retryPolicy.maximumBackoff 600s
    sets --dead-letter-topic deadLetterPolicy.deadLetterTopic "projects/$PROJECT_ID/topics/$UNDELIVERABLE"
    sets --max-delivery-attempts deadLetterPolicy.maxDeliveryAttempts 100
  else
    sets --push-endpoint pushConfig.pushEndpoint ""
  fi
  # As long as the handler's claim on an alert lasts (functions/dlq_handler/alerting/alert_policy.py).
  sets --ack-deadline ackDeadlineSeconds 60
  # 31 days, the most that there is.
  sets --message-retention-duration messageRetentionDuration 2678400s
  printf '%s\t%s\n' --expiration-period=never expirationPolicy.ttl=
}

ensure_subscription() { # NAME
  local name="$1" actual line wanted=() flags=()
  while IFS= read -r line; do
    flags+=("${line%%$'\t'*}")
    wanted+=("${line#*$'\t'}")
  done < <(subscription_of "$name")
  actual="$(read_if_there pubsub subscriptions describe "$name" --format=json)"
  if [ -z "$actual" ]; then
    change pubsub subscriptions create "$name" "--topic=$name" "${flags[@]}"
    note created "subscription $name"
    return
  fi
  # Of a topic that was deleted, or of another one: no command changes that.
  if is_different "subscription $name" "topic=projects/$PROJECT_ID/topics/$name" <<<"$actual"; then
    fail "the subscription $name is not one to the topic $name." \
      "When it is empty, delete it: gcloud pubsub subscriptions delete $name --project=$PROJECT_ID"
  fi
  if is_different "subscription $name" "${wanted[@]}" <<<"$actual"; then
    change pubsub subscriptions update "$name" "${flags[@]}"
    note changed "subscription $name"
  else
    note unchanged "subscription $name"
  fi
}

# Deletes the Eventarc triggers by which older versions of this script had dead letters delivered, once the subscription
# delivers them. A message that comes in both ways changes nothing the second time.
remove_triggers() {
  local subscriptions trigger topic
  subscriptions="$(read_if_there pubsub topics list-subscriptions "$TOPIC" --format=json)"
  case "$subscriptions" in *"/subscriptions/eventarc-"*) ;; *) return ;; esac
  if [ "$TEARDOWN" = no ] && ! does messaging && ! grep -qF "/subscriptions/$TOPIC\"" <<<"$subscriptions"; then
    warn "dead letters still come through Eventarc: run ./deploy.sh --only=messaging, and then this again."
    return
  fi
  while IFS=$'\t' read -r trigger topic <&3; do
    if [ "$topic" = "projects/$PROJECT_ID/topics/$TOPIC" ]; then
      remove "Eventarc trigger $trigger" eventarc triggers delete "$trigger" "--location=$REGION"
    fi
  done 3< <(read_if_there eventarc triggers list "--location=$REGION" --format='value(name.basename(),transport.pubsub.topic)')
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
  while IFS=$'\t' read -r flag value; do
    if [ "$value" = unlimited ]; then value=-1; fi
    echo "$(field_of "$flag")=$value"
  done < <(flags_in "$1")
}

# ensure_queue QUEUE FILE RAMP: RAMP is yes where the dispatcher sets the queue's rate.
ensure_queue() {
  local queue="$1" file="$2" ramp="$3" actual policy line roles setter=roles/cloudtasks.queueAdmin wanted=()
  actual="$(read_if_there tasks queues describe "$queue" "--location=$REGION" --format=json)"
  while IFS= read -r line; do wanted+=("$line"); done < <(wanted_queue "$file")
  if [ -z "$actual" ]; then
    change tasks queues create "$queue" "--location=$REGION" "--flags-file=$file"
    note created "queue $queue"
  elif is_different "queue $queue" "${wanted[@]}" <<<"$actual"; then
    change tasks queues update "$queue" "--location=$REGION" "--flags-file=$file"
    note changed "queue $queue"
  else
    note unchanged "queue $queue"
  fi
  if [ -n "$actual" ] && [ -n "$(helper resource_diff state=RUNNING <<<"$actual")" ]; then
    differs_by_hand "queue $queue is paused by hand and stays so: it sends no report." \
      "To resume it: gcloud tasks queues resume $queue --location=$REGION --project=$PROJECT_ID"
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
