# shellcheck shell=bash
# Cloud Run's quota of CPUs in a region, 20 in a new project. Google refuses a function that may have more by itself, and
# starts no instance while all together have as many.
# https://cloud.google.com/run/docs/configuring/max-instances-limits

CPU_QUOTA=CpuAllocPerProjectRegion
QUOTA_IS_READ=no
# https://cloud.google.com/docs/quotas/gcloud-cli-examples
READ_QUOTA=(beta quotas info describe "$CPU_QUOTA" --service=run.googleapis.com --format=json)

# The sizes that follow from the queues and from other settings, where they are not set.
complete_sizes() {
  count_queues
  local concurrent
  # As many as it takes to keep all queues' concurrency busy; fewer would answer 429, which slows the queues down.
  concurrent="$(flag_in "$QUEUE_FLAGS" --max-concurrent-dispatches)"
  default WORKER_MAX_INSTANCES "$(((${concurrent:-1000} * QUEUES + WORKER_CONCURRENCY - 1) / WORKER_CONCURRENCY))"
  # For two runs at once: that of the hour, and one that is late.
  default DISPATCHER_MAX_INSTANCES "$(((2 * ${DISPATCH_SHARES:-1} + DISPATCHER_CONCURRENCY - 1) / DISPATCHER_CONCURRENCY))"
}

# A line for each function that has no room in the quota. What cannot be read here is no mistake: on a new project, the
# API that knows the quota is not on yet.
wrong_quota() {
  complete_sizes
  if probe "${READ_QUOTA[@]}" "--billing-project=$PROJECT_ID" >"$WORK/quota"; then
    QUOTA_IS_READ=yes
    too_large_for_quota
  fi
}

# Once the APIs are on and before anything is made, if wrong_quota could not read it.
require_quota() {
  local problems=() line
  # shellcheck disable=SC2034  # attempt and first_error read it
  local ERRORS="$WORK/probe"
  if [ "$QUOTA_IS_READ" = yes ]; then return; fi
  if [ "$DRY_RUN" = yes ] || ! attempt "${READ_QUOTA[@]}" "--billing-project=$PROJECT_ID" >"$WORK/quota"; then
    warn "the quota of Cloud Run's CPUs is not read, so a function may turn out to be too large: $(first_error)"
    return
  fi
  while IFS= read -r line; do problems+=("- $line"); done < <(too_large_for_quota)
  if [ "${#problems[@]}" -gt 0 ]; then
    fail "the quota of Cloud Run's CPUs is too small. APIs were enabled, and nothing else was changed." "${problems[@]}"
  fi
}

too_large_for_quota() {
  local quota name need sum=0
  quota="$(helper cpu_quota "$REGION" <"$WORK/quota")"
  if [ -z "$quota" ]; then return; fi
  for name in $FUNCTIONS; do
    if is_deployed "$name"; then sum=$((sum + $(size "$name" MAX_INSTANCES) * $(size "$name" CPU))); fi
  done
  if [ "$WITH_CONSOLE" = yes ]; then sum=$((sum + 1)); fi
  for name in $FUNCTIONS; do
    need=$(($(size "$name" MAX_INSTANCES) * $(size "$name" CPU)))
    if is_deployed "$name" && [ $((need * 1000)) -gt "$quota" ]; then
      echo "$(size_name "$name" MAX_INSTANCES)=$(size "$name" MAX_INSTANCES) with $(size_name "$name" CPU)=$(size "$name" CPU) needs a quota of $need vCPU in $REGION (run.googleapis.com, $CPU_QUOTA), and the project has $((quota / 1000)). Make it smaller, or ask for more: $(quota_request "$sum")"
      return
    fi
  done
  if [ $((sum * 1000)) -gt "$quota" ]; then
    warn "all functions together may need $sum vCPU of Cloud Run in $REGION, and the quota $CPU_QUOTA is $((quota / 1000)): under full load, calls wait and are repeated. To ask for more: $(quota_request "$sum")"
  fi
}

# quota_request CPUS: https://cloud.google.com/docs/quotas/gcloud-cli-examples
quota_request() {
  quote gcloud beta quotas preferences create --service=run.googleapis.com "--quota-id=$CPU_QUOTA" \
    "--dimensions=region=$REGION" "--preferred-value=$(($1 * 1000))" --email=YOUR-ADDRESS "--project=$PROJECT_ID" "--billing-project=$PROJECT_ID"
}
