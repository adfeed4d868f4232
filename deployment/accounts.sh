# shellcheck shell=bash
# Service accounts: one for each function, one each for the tokens of Cloud Scheduler, Cloud Tasks and Pub/Sub, and one
# for builds. Here are the roles that only a project can grant; the others are granted with the resource that they are on.
# docs/guides/permissions.md says who may do what, and why.

# In projects from this day on, Pub/Sub's own account may sign tokens by its service agent role.
SIGNS_BY_ITSELF=2021-04-09

set_up_accounts() {
  step accounts "Service accounts"
  ensure_accounts
  grant_project_roles
  grant_account_roles
}

ensure_accounts() {
  local existing
  existing="$(read_if_there iam service-accounts list --format='value(email)')"
  ensure_account dispatcher "Report pipeline: dispatcher"
  ensure_account worker "Report pipeline: worker"
  ensure_account dlq-handler "Report pipeline: DLQ handler"
  if [ "$WITH_MAIL_EVENTS" = yes ]; then ensure_account mail-events "Report pipeline: mail events"; fi
  if [ "$WITH_PAGE" = yes ]; then ensure_account preferences "Report pipeline: the recipient's page"; fi
  ensure_account scheduler "Report pipeline: Cloud Scheduler calls the dispatcher"
  ensure_account tasks "Report pipeline: Cloud Tasks calls the worker"
  ensure_account events "Report pipeline: Pub/Sub calls the DLQ handler"
  ensure_account build "Report pipeline: builds the functions"
}

ensure_account() {
  if has_line "$existing" "$(account_of "$1")"; then
    note unchanged "service account $PREFIX-$1"
  else
    change iam service-accounts create "$PREFIX-$1" "--display-name=$2"
    note created "service account $PREFIX-$1"
  fi
}

# policy_of COMMAND...: a policy's bindings, a line each: role, member, title of the condition.
policy_of() {
  local policy
  policy="$(read_if_there "$@" '--flatten=bindings[].members' \
    '--format=value(bindings.role,bindings.members,bindings.condition.title)')"
  remember_policy "$policy" "$@"
  printf '%s\n' "$policy"
}

# A condition that is there for its title.
# shellcheck disable=SC2034  # kinds.sh and bootstrap.sh read it
ALWAYS='request.time >= timestamp("2000-01-01T00:00:00Z")'

# The project's bindings, a line each: role, member, title and expression of the condition.
conditions_of_project() {
  read_if_there projects get-iam-policy "$PROJECT_ID" '--flatten=bindings[].members' \
    '--format=value(bindings.role,bindings.members,bindings.condition.title,bindings.condition.expression)'
}

# has_binding POLICY ROLE MEMBER TITLE: gcloud may leave a tab where there is no title.
has_binding() {
  has_line "$1" "$2"$'\t'"$3"$'\t'"$4" || { [ -z "$4" ] && has_line "$1" "$2"$'\t'"$3"; }
}

# bind POLICY WHERE MEMBER ROLE TITLE COMMAND...: grants a role unless the policy has it. TITLE is the condition's, or empty.
bind() {
  local policy="$1" where="$2" member="$3" role="$4" title="$5"
  shift 5
  if has_binding "$policy" "$role" "$member" "$title"; then
    note unchanged "$role on $where for $member"
    remember_binding "$title" "$@" "--member=$member" "--role=$role"
    return
  fi
  change "$@" "--member=$member" "--role=$role"
  note created "$role on $where for ${member#*:}"
}

bind_project() { # POLICY MEMBER ROLE [TITLE EXPRESSION]
  local condition=None
  if [ -n "${4:-}" ]; then condition="expression=$5,title=$4"; fi
  bind "$1" "the project" "$2" "$3" "${4:-}" projects add-iam-policy-binding "$PROJECT_ID" "--condition=$condition"
}

# take_back POLICY WHERE MEMBER ROLE TITLE COMMAND...: what an older version of this script granted, and no one needs.
take_back() {
  local policy="$1" where="$2" member="$3" role="$4" title="$5"
  shift 5
  if ! has_binding "$policy" "$role" "$member" "$title"; then return; fi
  change "$@" "--member=$member" "--role=$role"
  note removed "$role on $where for ${member#*:}"
}

grant_project_roles() {
  local policy name condition bucket="projects/_/buckets/$SOURCES"
  policy="$(policy_of projects get-iam-policy "$PROJECT_ID")"
  for name in $FUNCTIONS; do
    if ! is_deployed "$name"; then continue; fi
    bind_database "$policy" "$name" roles/datastore.user
  done
  grant_kind_roles "$policy"
  # A trigger, by which older versions of this script had dead letters delivered, needed no such role.
  take_back "$policy" "the project" "serviceAccount:$EVENTS_INVOKER" roles/eventarc.eventReceiver "" \
    projects remove-iam-policy-binding "$PROJECT_ID" --condition=None
  bind_project "$policy" "serviceAccount:$BUILDER" roles/logging.logWriter
  condition="resource.name == \"$bucket\" || resource.name.startsWith(\"$bucket/\")"
  case "$bucket" in *-) condition="resource.name.startsWith(\"$bucket\")" ;; esac
  bind_project "$policy" "serviceAccount:$BUILDER" roles/storage.objectViewer "$PREFIX-run-sources" "$condition"
  ensure_agent "$policy" cloudtasks gcp-sa-cloudtasks roles/cloudtasks.serviceAgent
  ensure_agent "$policy" cloudscheduler gcp-sa-cloudscheduler roles/cloudscheduler.serviceAgent
  ensure_agent "$policy" pubsub gcp-sa-pubsub roles/pubsub.serviceAgent
}

# ensure_agent POLICY API DOMAIN ROLE: Google makes a service's own account and grants its role when it is first used, or
# a while after that. What follows cannot wait for it.
ensure_agent() {
  local member="serviceAccount:service-$PROJECT_NUMBER@$3.iam.gserviceaccount.com"
  if ! has_binding "$1" "$4" "$member" ""; then change beta services identity create "--service=$2.googleapis.com"; fi
  bind_project "$1" "$member" "$4"
}

grant_account_roles() {
  local policy signer
  policy="$(policy_of iam service-accounts get-iam-policy "$TASKS_INVOKER")"
  # Who makes a task with a token must be allowed to act as the token's account.
  # https://cloud.google.com/tasks/docs/creating-http-target-tasks#token
  bind "$policy" "$PREFIX-tasks" "serviceAccount:$(account_of dispatcher)" roles/iam.serviceAccountUser "" \
    iam service-accounts add-iam-policy-binding "$TASKS_INVOKER"
  # Pub/Sub signs the token with which it pushes dead letters. Its account may do so by its own role, unless it is older
  # than that. https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions
  policy="$(policy_of iam service-accounts get-iam-policy "$EVENTS_INVOKER")"
  signer="serviceAccount:service-$PROJECT_NUMBER@gcp-sa-pubsub.iam.gserviceaccount.com"
  if [[ "$PROJECT_CREATED" > "$SIGNS_BY_ITSELF" ]]; then
    take_back "$policy" "$PREFIX-events" "$signer" roles/iam.serviceAccountTokenCreator "" \
      iam service-accounts remove-iam-policy-binding "$EVENTS_INVOKER"
  else
    bind "$policy" "$PREFIX-events" "$signer" roles/iam.serviceAccountTokenCreator "" \
      iam service-accounts add-iam-policy-binding "$EVENTS_INVOKER"
  fi
}
