# shellcheck shell=bash
# Members that the script has not granted what they may do: it names them, and leaves them alone.
#
# $WORK/bindings has the bindings of every policy that was read, and $WORK/known those that the script grants, or takes
# back, in this run. A line of both: the resource, role, member and title of the condition, with tabs between them.

# resource_of COMMAND...: the resource of a command about its policy, as words for gcloud.
resource_of() {
  local word words=()
  for word in "$@"; do
    case "$word" in
      *-iam-policy | *-iam-policy-binding | --member=* | --role=* | --condition=* | --all) ;;
      *) words+=("$word") ;;
    esac
  done
  printf '%s' "${words[*]}"
}

# remember_policy POLICY COMMAND...: as it is when the script first reads it.
remember_policy() {
  local policy="$1" resource role member title
  shift
  resource="$(resource_of "$@")"
  if grep -qF -- "$resource"$'\t' "$WORK/bindings" 2>/dev/null; then return; fi
  while IFS=$'\t' read -r role member title <&3; do
    if [ -n "$member" ]; then printf '%s\t%s\t%s\t%s\n' "$resource" "$role" "$member" "$title" >>"$WORK/bindings"; fi
  done 3<<<"$policy"
}

# remember_binding TITLE COMMAND...: the script knows of this binding.
remember_binding() {
  local title="$1" word role="" member=""
  shift
  for word in "$@"; do
    case "$word" in
      --member=*) member="${word#*=}" ;;
      --role=*) role="${word#*=}" ;;
      --condition=*,title=*) title="${word##*,title=}" ;;
    esac
  done
  printf '%s\t%s\t%s\t%s\n' "$(resource_of "$@")" "$role" "$member" "$title" >>"$WORK/known"
}

name_foreign_members() {
  local resource role member title account
  # A part of the script grants a part of a policy's bindings.
  if [ -n "$ONLY" ]; then return; fi
  step members "Members"
  if [ "$CHECK" = yes ]; then
    for account in $(accounts); do policy_of iam service-accounts get-iam-policy "$account" >/dev/null; done
  fi
  while IFS=$'\t' read -r resource role member title <&3; do
    # A policy of the project is about much else.
    if [ "$resource" = "projects $PROJECT_ID" ] && ! is_account "${member#serviceAccount:}"; then continue; fi
    if ! may_stay "$member"; then name_foreign_member "$resource" "$role" "$member" "$title"; fi
  done 3< <(grep -vxF -f "$WORK/known" "$WORK/bindings" || true)
}

# The pipeline's own accounts, a line each. The console's is looked at with --console alone, which grants its roles.
accounts() {
  local name
  for name in $FUNCTIONS scheduler tasks events build; do account_of "$name"; done
  if [ "$WITH_CONSOLE" = yes ]; then account_of console; fi
}

is_account() {
  # shellcheck disable=SC2046  # addresses
  is_one_of "$1" $(accounts)
}

may_stay() { # MEMBER
  # shellcheck disable=SC2086  # members are words
  is_one_of "$1" ${EXTRA_MEMBERS//,/ } ||
    { [ "$WITH_CONSOLE" = no ] && [ "$1" = "serviceAccount:$(account_of console)" ]; }
}

name_foreign_member() { # RESOURCE ROLE MEMBER TITLE
  local words=() command flags=("--member=$3" "--role=$2")
  read -r -a words <<<"$1"
  if [ -n "$4" ]; then flags+=(--all); fi
  # The verb comes before the resource's name and its flags.
  case "$1" in
    projects* | secrets*) command=("${words[0]}" remove-iam-policy-binding "${words[@]:1}") ;;
    *) command=("${words[@]:0:2}" remove-iam-policy-binding "${words[@]:2}") ;;
  esac
  differs_by_hand "$3 has $2${4:+ ($4)} on ${1%% --*}, which this script has not granted." \
    "To take it back: $(quote gcloud "${command[@]}" "${flags[@]}" "--project=$PROJECT_ID")" \
    "If it is to stay: EXTRA_MEMBERS in deploy.env."
}
