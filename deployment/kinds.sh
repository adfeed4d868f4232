# shellcheck shell=bash
# What the kinds of report need: the settings, secrets and roles of their files needs.yaml (docs/guides/python-reports.md).

KIND_SETTINGS=""
KIND_SECRETS=""
# The owners of kinds, as JSON, and those of the secrets that are webhooks: the DLQ handler tells them.
KIND_OWNERS=""
OWNER_SECRETS=""

# Reads the files into $WORK/needs, a line each as kind_needs.py prints them, and the variables that the environment has.
load_needs() {
  local file found="" python what name owner value
  : >"$WORK/needs"
  for file in "$ROOT"/functions/worker/reports/*/needs.yaml; do if [ -f "$file" ]; then found=yes; fi; done
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
    if [ "$what" = secret ]; then ensure_secret "$name" "$name, for the kind $kind ($about)"; fi
  done 3<"$WORK/needs"
}
