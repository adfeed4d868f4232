# shellcheck shell=bash
# Checks everything that a deployment needs before it changes anything. Names all missing things at once.

# The first with `gcloud run deploy --iap` and `gcloud iap web --resource-type=cloud-run` in its stable commands.
OLDEST_GCLOUD=558

# probe ARGUMENT...: a read whose failure is an answer. Writes its error text to the file $WORK/probe.
probe() {
  detail reads: gcloud "$@"
  gcloud "$@" "--project=$PROJECT_ID" --quiet 2>"$WORK/probe" </dev/null
}

# What Google said about the last probe that failed, in one line.
google_says() { printf 'Google says: %s' "$(tr -s ' \n' ' ' <"$WORK/probe" | sed 's/ $//')"; }

check_tools() {
  command -v gcloud >/dev/null ||
    fail "gcloud is not installed." "Install it: https://cloud.google.com/sdk/docs/install, then: gcloud init"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    fail "python3, 3.11 or newer, is not installed." "Install it: https://www.python.org/downloads/"
}

wrong_gcloud() {
  local version
  version="$(gcloud version --format='value("Google Cloud SDK")' 2>/dev/null </dev/null || true)"
  if ! matches "${version%%.*}" '^[0-9]+$' || [ "${version%%.*}" -lt "$OLDEST_GCLOUD" ]; then
    echo "gcloud is ${version:-of an unknown version}, $OLDEST_GCLOUD or newer is needed: gcloud components update"
  fi
  if ! gcloud beta --help >/dev/null 2>&1 </dev/null; then
    echo "gcloud's beta commands are not installed: gcloud components install beta"
  fi
}

wrong_project() {
  local enabled
  if ! probe auth print-access-token >/dev/null; then
    echo "gcloud is not logged in: gcloud auth login. $(google_says)"
    return
  fi
  if ! probe projects describe "$PROJECT_ID" --format='value(projectNumber,lifecycleState,createTime)' >"$WORK/project"; then
    unreadable_project
    return
  fi
  if ! grep -q ACTIVE "$WORK/project"; then
    echo "Project $PROJECT_ID is being deleted: gcloud projects undelete $PROJECT_ID"
  elif ! enabled="$(probe billing projects describe "$PROJECT_ID" --format='value(billingEnabled)')"; then
    warn "whether billing is on could not be read. $(google_says)"
  elif [ "$enabled" != True ]; then
    echo "Billing is off: gcloud billing projects link $PROJECT_ID --billing-account=ACCOUNT (gcloud billing accounts list)"
  fi
}

unreadable_project() {
  local home
  # A service account asks in the name of its own project, where the API is off unless somebody has turned it on.
  # https://cloud.google.com/docs/quotas/quota-project
  home="$(sed -nE "s/.*($API_OFF) ([^ ]+) before.*/\2/p" "$WORK/probe" | head -n 1)"
  if grep -qE "$API_OFF" "$WORK/probe"; then
    echo "Project $PROJECT_ID cannot be read, since the Resource Manager API is off: gcloud services enable cloudresourcemanager.googleapis.com --project=${home:-$PROJECT_ID}. $(google_says)"
  else
    echo "Project $PROJECT_ID cannot be read. Either it does not exist (gcloud projects create $PROJECT_ID), or your account may not see it (gcloud projects list). $(google_says)"
  fi
}

# Asks the service. If its API is not on yet, uses the checked-in list.
wrong_region() {
  if ! probe run regions list --format='value(locationId)' >"$WORK/regions"; then
    grep -qE "$API_OFF" "$WORK/probe" || warn "the regions could not be read. $(google_says)"
    cp "$ROOT/deployment/regions.txt" "$WORK/regions"
  fi
  grep -qxF -- "$REGION" "$WORK/regions" ||
    echo "Region $REGION is not one of Cloud Run's; choose one: $(grep -v '#' "$WORK/regions" | tr '\n' ' ')"
}

# Whether the run deploys.
deploys() { [ "$TEARDOWN$BOOTSTRAP" = nono ]; }

check_everything() {
  step checks "Checks"
  local missing="$WORK/missing"
  {
    wrong_settings
    if deploys; then
      wrong_needs
      wrong_checkout
    fi
    wrong_gcloud
    if [ -n "$PROJECT_ID" ]; then
      wrong_project
      if [ -n "$REGION" ] && [ -s "$WORK/project" ]; then wrong_region; fi
      if [ -s "$WORK/project" ] && deploys; then missing_secrets; fi
    fi
  } >"$missing"
  # It is computed from settings, which must be right.
  if [ ! -s "$missing" ] && deploys && does functions; then wrong_quota >"$missing"; fi
  if [ -s "$missing" ]; then
    local problems=()
    while IFS= read -r line; do problems+=("- $line"); done <"$missing"
    fail "some things are missing. Nothing was changed." "${problems[@]}"
  fi
  if deploys && is_wanted dispatcher; then require_enrollment; fi
  if deploys && does functions; then require_undivided_traffic; fi
  # shellcheck disable=SC2034  # read by the other files
  IFS=$'\t' read -r PROJECT_NUMBER _ PROJECT_CREATED <"$WORK/project"
}
