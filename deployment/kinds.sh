# shellcheck shell=bash
# What the kinds of report need: the settings, secrets and roles of their files needs.yaml (docs/guides/python-reports.md).
#
# A role on a dataset or a bucket is granted on the project, with a condition that names the resource. gcloud has no
# command for a dataset's policy, and a role that no kind declares any more is still to be found: the conditions of kinds
# have titles that begin with PREFIX-kinds. https://cloud.google.com/bigquery/docs/conditions

KIND_SETTINGS=""
KIND_SECRETS=""
# The owners of kinds, as JSON, and those of the secrets that are webhooks: the DLQ handler tells them.
KIND_OWNERS=""
OWNER_SECRETS=""

# Reads the files into $WORK/needs, a line each as kind_needs.py prints them, and the variables that the environment has.
load_needs() {
  local file found="" python what name owner value
  : >"$WORK/needs"
  for file in "$ROOT"/kinds/*/needs.yaml; do if [ -f "$file" ]; then found=yes; fi; done
  if [ -z "$found" ]; then return; fi
  python="$(python_with_yaml)"
  [ -n "$python" ] || fail "kinds of report have files needs.yaml, and python3 has no PyYAML to read them." \
    "make setup installs it into .venv, or: python3 -m pip install pyyaml"
  # shellcheck disable=SC2086  # the lists are words
  "$python" -B "$ROOT/deployment/kind_needs.py" variables $SETTINGS $FORMER $SECRETS $GIVEN >"$WORK/needs" 2>"$WORK/needs.errors" ||
    fail "$(cat "$WORK/needs.errors")"
  while IFS=$'\t' read -r what name owner _ <&3; do
    case "$what" in
      setting) KIND_SETTINGS="$KIND_SETTINGS $name" ;;
      secret) KIND_SECRETS="$KIND_SECRETS $name" ;;
      owner)
        KIND_OWNERS="$KIND_OWNERS${KIND_OWNERS:+, }$name"
        if [ "${owner#*@}" = "$owner" ]; then OWNER_SECRETS="$OWNER_SECRETS $owner"; fi
        continue
        ;;
      *) continue ;;
    esac
    if value="$(printenv "$name")"; then printf -v "KIND_VALUE_$name" '%s' "$value"; fi
  done 3<"$WORK/needs"
  KIND_OWNERS="${KIND_OWNERS:+{$KIND_OWNERS\}}"
}

python_with_yaml() {
  local python
  for python in "$ROOT/.venv/bin/python" python3; do
    if "$python" -c 'import yaml' 2>/dev/null; then
      echo "$python"
      return
    fi
  done
}

# holder_of NAME: where this script keeps the value of a setting or secret. A kind's has a prefix: its name may be one of
# the script's own.
holder_of() {
  # shellcheck disable=SC2086  # the lists are words
  if is_one_of "$1" $KIND_SETTINGS $KIND_SECRETS; then echo "KIND_VALUE_$1"; else echo "$1"; fi
}

# Each setting that a kind needs and that is not set, a line each.
wrong_needs() {
  local what name kind required about holder
  while IFS=$'\t' read -r what name kind required about <&3; do
    holder="KIND_VALUE_$name"
    if [ "$what$required" = settingrequired ] && [ -z "${!holder}" ]; then
      echo "$name is not set, and the kind $kind needs it ($about): set it in deploy.env."
    fi
  done 3<"$WORK/needs"
}

# missing_kind_secrets EXISTING: likewise each secret that is nowhere and cannot be asked for.
missing_kind_secrets() {
  local what name kind about holder
  while IFS=$'\t' read -r what name kind about <&3; do
    holder="KIND_VALUE_$name"
    if [ "$what" = secret ] && [ -z "${!holder}" ] && ! has_line "$1" "$(secret_name "$name")" && [ ! -t 0 ]; then
      echo "$name is not set, and the kind $kind needs it ($about): put it into deploy.env or the environment, or run this in a terminal to be asked for it."
    fi
  done 3<"$WORK/needs"
}

set_up_kind_secrets() {
  local what name kind about
  while IFS=$'\t' read -r what name kind about <&3; do
    if [ "$what" = secret ]; then ensure_secret "$name" worker "$name, for the kind $kind ($about)"; fi
  done 3<"$WORK/needs"
  for name in $OWNER_SECRETS; do let_read "$name" dlq-handler; done
}

# The title and the expression of the condition of a role: kind_title|kind_condition ON NAME
kind_title() { if [ "$1" = project ]; then echo "$PREFIX-kinds"; else echo "$PREFIX-kinds-$1-$2"; fi; }

kind_condition() {
  local resource
  case "$1" in
    # It is there for its title.
    project) echo "$ALWAYS" && return ;;
    dataset) resource="projects/$PROJECT_ID/datasets/$2" ;;
    bucket) resource="projects/_/buckets/$2" ;;
  esac
  echo "resource.name == \"$resource\" || resource.name.startsWith(\"$resource/\")"
}

# where_of TITLE: the resource, as people say it.
where_of() {
  local where="${1#"$PREFIX-kinds"}"
  where="${where#-}"
  echo "${where:+${where/-/ }}"
}

grant_kind_roles() { # POLICY
  local what role on name title where
  while IFS=$'\t' read -r what role on name <&3; do
    if [ "$what" != role ]; then continue; fi
    title="$(kind_title "$on" "$name")"
    where="$(where_of "$title")"
    bind "$1" "${where:-the project}" "serviceAccount:$(account_of worker)" "$role" "$title" \
      projects add-iam-policy-binding "$PROJECT_ID" "--condition=expression=$(kind_condition "$on" "$name"),title=$title"
  done 3<"$WORK/needs"
}

# Takes back what no kind declares any more, when the worker that had it is replaced.
take_back_needs() {
  take_back_roles
  take_back_secrets worker "$KIND_SECRETS"
}

take_back_roles() {
  local what role on name member title expression policy where wanted=""
  while IFS=$'\t' read -r what role on name <&3; do
    if [ "$what" = role ]; then wanted="$wanted"$'\n'"$role $(kind_title "$on" "$name")"; fi
  done 3<"$WORK/needs"
  policy="$(conditions_of_project)"
  while IFS=$'\t' read -r role member title expression <&3; do
    case "$title" in "$PREFIX-kinds" | "$PREFIX-kinds-"*) ;; *) continue ;; esac
    if [ "$member" != "serviceAccount:$(account_of worker)" ] || has_line "$wanted" "$role $title"; then continue; fi
    where="$(where_of "$title")"
    take_back_from_project "${where:-the project}" "$member" "$role" "expression=$expression,title=$title"
  done 3<<<"$policy"
}

# take_back_secrets FUNCTION SECRETS: those that the function may still read, besides the pipeline's own.
take_back_secrets() {
  local variable name policy member wanted="" needed="" role=roles/secretmanager.secretAccessor
  member="serviceAccount:$(account_of "$1")"
  for variable in $SECRETS $2; do wanted="$wanted"$'\n'"$(secret_name "$variable")"; done
  for variable in $KIND_SECRETS; do needed="$needed"$'\n'"$(secret_name "$variable")"; done
  while IFS= read -r name <&3; do
    case "$name" in "$PREFIX-"*) ;; *) continue ;; esac
    if has_line "$wanted" "$name"; then continue; fi
    policy="$(policy_of secrets get-iam-policy "$name")"
    if has_binding "$policy" "$role" "$member" ""; then
      change secrets remove-iam-policy-binding "$name" "--member=$member" "--role=$role"
      note removed "$role on secret $name for ${member#*:}"
      if has_line "$needed" "$name"; then continue; fi
      say "  no kind of report needs the secret $name, which stays: gcloud secrets delete $name --project=$PROJECT_ID"
    fi
  done 3< <(existing_secrets)
}
