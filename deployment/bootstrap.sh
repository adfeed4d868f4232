# shellcheck shell=bash
# What only an administrator of the project can do: the APIs, the database, service accounts, the roles that a project or an
# account grants, the image repository, and the roles of DEPLOYER, who deploys all else. With DEPLOYER set, a run without
# --bootstrap changes none of this, and stops where something is missing. docs/guides/permissions.md has the roles of both.

# While a run only looks at what belongs to --bootstrap.
LOOKS_ONLY=no

bootstrap() {
  if [ -n "$DEPLOYER" ] && [ "$BOOTSTRAP" = no ]; then LOOKS_ONLY=yes; fi
  enable_apis
  if [ "$BOOTSTRAP" = no ] && does functions; then require_quota; fi
  if does firestore; then set_up_database; fi
  if does accounts; then set_up_accounts; fi
  if does_stage; then set_up_repository; fi
  if [ "$WITH_CONSOLE" = yes ]; then set_up_console_account; fi
  if [ -n "$DEPLOYER" ] && [ -z "$ONLY" ]; then set_up_deployer; fi
  if [ "$LOOKS_ONLY" = yes ]; then name_what_is_left; fi
  LOOKS_ONLY=no
}

# leave VERB WHAT: a difference that is not this run's to change.
leave() {
  local list=missing-bootstrap
  if [ "$1" = removed ]; then list=superfluous; fi
  printf '%s\n' "${*:2}" >>"$WORK/$list"
}

# With the options that decide what belongs to it.
bootstrap_command() {
  local command="$SELF --bootstrap"
  if [ "$WITH_CONSOLE" = yes ]; then command="$command --console"; fi
  if [ "$FIRESTORE_RULES" = yes ]; then command="$command --firestore-rules"; fi
  if [ "$SMOKE" = yes ]; then command="$command --smoke"; fi
  echo "$command"
}

name_what_is_left() {
  local line missing=() superfluous=()
  if [ -s "$WORK/superfluous" ]; then
    while IFS= read -r line; do superfluous+=("- $line"); done <"$WORK/superfluous"
    warn_last "the pipeline no longer needs this. An administrator takes it back: $(bootstrap_command)" "${superfluous[@]}"
  fi
  if [ ! -s "$WORK/missing-bootstrap" ]; then return; fi
  while IFS= read -r line; do missing+=("- $line"); done <"$WORK/missing-bootstrap"
  if [ "$DRY_RUN" = yes ]; then
    warn_last "this is an administrator's to do, before all else: $(bootstrap_command)" "${missing[@]}"
  else
    # shellcheck disable=SC2034  # fail reads it
    STEP=bootstrap
    fail "what an administrator makes is missing. Nothing was changed." "${missing[@]}" \
      "An administrator runs $(bootstrap_command), with the same settings. Then run this again."
  fi
}

# take_back_from_project WHERE MEMBER ROLE CONDITION: a role that what runs now no longer needs.
take_back_from_project() {
  local command=(projects remove-iam-policy-binding "$PROJECT_ID" "--member=$2" "--role=$3" "--condition=$4")
  if [ -n "$DEPLOYER" ] && [ "$DRY_RUN" = no ]; then
    remember_binding "" "${command[@]}"
    warn_last "${2#*:} no longer needs $3 on $1. An administrator takes it back:" "$(quote gcloud "${command[@]}")"
  else
    change "${command[@]}"
    note removed "$3 on $1 for ${2#*:}"
  fi
}

# The roles that the deployer has on the project, a line each.
deployer_roles() {
  # To read policies, those of the project and of accounts, too.
  echo roles/iam.securityReviewer
  echo roles/cloudquotas.viewer
  echo roles/datastore.indexAdmin
  # Those that end in admin, because the script says there who may use a resource.
  echo roles/secretmanager.admin
  echo roles/pubsub.admin
  echo roles/cloudtasks.admin
  echo roles/run.admin
  # To upload sources and have them built. https://cloud.google.com/run/docs/deploying-source-code
  echo roles/run.sourceDeveloper
  echo roles/cloudscheduler.admin
  echo roles/logging.configWriter
  echo roles/monitoring.editor
  if [ "$WITH_CONSOLE" = yes ]; then echo roles/iap.admin; fi
  if [ "$FIRESTORE_RULES" = yes ]; then echo roles/firebaserules.admin; fi
  # For the test user and the delivery.
  if [ "$SMOKE" = yes ]; then echo roles/datastore.user; fi
}

# deployer_condition ROLE: on the database for its documents. Otherwise always true: it is there for its title, which tells
# the roles of a deployer from others that the same member has.
deployer_condition() {
  if [ "$1" = roles/datastore.user ]; then database_condition "$FIRESTORE_DATABASE"; else echo "$ALWAYS"; fi
}

# The accounts that the deployer names to Cloud Run, Cloud Scheduler, Pub/Sub and Cloud Build, which ask whether it may act
# as them. https://cloud.google.com/iam/docs/service-accounts-actas
deployed_accounts() {
  local name
  for name in $FUNCTIONS; do if is_deployed "$name"; then account_of "$name"; fi; done
  if [ "$WITH_CONSOLE" = yes ]; then account_of console; fi
  printf '%s\n' "$SCHEDULER_INVOKER" "$EVENTS_INVOKER" "$BUILDER"
}

set_up_deployer() {
  step deployer "Deployer"
  local policy role account
  policy="$(policy_of projects get-iam-policy "$PROJECT_ID")"
  for role in $(deployer_roles); do
    bind_project "$policy" "$DEPLOYER" "$role" "$PREFIX-deployer" "$(deployer_condition "$role")"
  done
  for account in $(deployed_accounts); do start "$WORK/act-as-$account.log" let_act_as "$account"; done
  finish_all
  take_back_deployers "$policy"
}

let_act_as() { # ACCOUNT
  local policy
  policy="$(policy_of iam service-accounts get-iam-policy "$1")"
  bind "$policy" "${1%%@*}" "$DEPLOYER" roles/iam.serviceAccountUser "" iam service-accounts add-iam-policy-binding "$1"
}

# take_back_deployers POLICY: the roles of all who were the deployer before DEPLOYER, if that is set. The roles on the
# project last: by them a former deployer is found.
take_back_deployers() {
  local member former role title expression account policy
  former="$(awk -F '\t' -v title="$PREFIX-deployer" -v deployer="$DEPLOYER" \
    '$3 == title && $2 != deployer { print $2 }' <<<"$1" | sort -u)"
  if [ -z "$former" ]; then return; fi
  for account in $(deployed_accounts); do
    policy="$(policy_of iam service-accounts get-iam-policy "$account")"
    for member in $former; do
      take_back "$policy" "${account%%@*}" "$member" roles/iam.serviceAccountUser "" \
        iam service-accounts remove-iam-policy-binding "$account"
    done
  done
  policy="$(conditions_of_project)"
  while IFS=$'\t' read -r role member title expression <&3; do
    if [ "$title" != "$PREFIX-deployer" ] || ! has_line "$former" "$member"; then continue; fi
    change projects remove-iam-policy-binding "$PROJECT_ID" "--member=$member" "--role=$role" \
      "--condition=expression=$expression,title=$title"
    note removed "$role on the project for ${member#*:}"
  done 3<<<"$policy"
}
