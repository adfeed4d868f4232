# shellcheck shell=bash
# How many report queues there are and what rate they have, and the triggers of older versions. Topics and queues
# themselves are declared (deployment/resources).

QUEUE_FLAGS="$ROOT/queue.yaml"

set_up_messaging() {
  step messaging "Topics and queues"
  count_queues
  declared messaging
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

# Deletes the Eventarc triggers by which older versions of this script had dead letters delivered, once the subscription
# delivers them. A message that comes in both ways changes nothing the second time.
remove_triggers() {
  local subscriptions trigger topic
  # shellcheck disable=SC2153  # names.sh sets it
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
