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
  if does firestore; then
    step firestore "Firestore database"
    declared database
  fi
  if does accounts; then
    step accounts "Service accounts"
    declared accounts
  fi
  if does_stage; then
    step repository "Image repository"
    declared repository
  fi
  if [ "$WITH_CONSOLE" = yes ]; then
    step console "Console's account"
    declared console-account
  fi
  if [ -n "$DEPLOYER" ] && [ -z "$ONLY" ]; then
    step deployer "Deployer"
    declared deployer
  fi
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
