# shellcheck shell=bash
# Secrets, from the environment, the env file or the terminal to Secret Manager: through standard input only, so that no
# list of processes, log or dry run shows one.

existing_secrets() { read_if_there secrets list --format='value(name.basename())'; }

# A line for each secret that is needed, is nowhere, and cannot be asked for.
missing_secrets() {
  local existing name
  existing="$(existing_secrets)"
  name="$(key_of "$MAIL_PROVIDER")"
  if [ -n "$name" ] && [ -z "${!name}" ] && ! has_line "$existing" "$(secret_name "$name")" && [ ! -t 0 ]; then
    echo "$name is not set: put it into deploy.env or the environment, or run this in a terminal to be asked for it."
  fi
  missing_kind_secrets "$existing"
  case "$KIND_OWNERS" in
    *@*)
      if [ -z "$OWNER_MAIL_URL" ] && ! has_line "$existing" "$(secret_name OWNER_MAIL_URL)"; then
        echo "OWNER_MAIL_URL is not set, and the owner of a kind of report is told by mail: docs/guides/alerts.md has an example."
      fi
      ;;
  esac
  if [ -n "$MAIL_UNSUBSCRIBE_URL" ] && [ -z "$MAIL_UNSUBSCRIBE_KEY" ] &&
    ! has_line "$existing" "$(secret_name MAIL_UNSUBSCRIBE_KEY)"; then
    echo "MAIL_UNSUBSCRIBE_KEY is not set, and MAIL_UNSUBSCRIBE_URL needs it: python3 -c 'import secrets; print(secrets.token_urlsafe())'"
  fi
  if [ -n "$PREFERENCES_URL" ] && [ -z "$PREFERENCES_KEY" ] && ! has_line "$existing" "$(secret_name PREFERENCES_KEY)"; then
    echo "PREFERENCES_KEY is not set, and PREFERENCES_URL needs it: python3 -c 'import secrets; print(secrets.token_urlsafe())'"
  fi
}

can_ask() { [ -t 0 ] && [ "$DRY_RUN" = no ]; }

set_up_secrets() {
  step secrets "Secrets"
  local existing
  existing="$(existing_secrets)"
  case "$MAIL_PROVIDER" in
    sendgrid) ensure_secret SENDGRID_API_KEY "SendGrid's API key (it may send mail and read statistics)" ;;
    resend) ensure_secret RESEND_API_KEY "Resend's API key" ;;
    smtp) ensure_secret SMTP_URL "The mail server (smtps://user:password@host)" ;;
  esac
  ensure_secret MAIL_UNSUBSCRIBE_KEY ""
  set_up_page_key
  ensure_secret SLACK_WEBHOOK_URL "Slack's incoming webhook (empty: no Slack)"
  ensure_secret ALERT_URLS ""
  ensure_secret OWNER_MAIL_URL ""
  set_up_kind_secrets
  declared readers
}

# The key of the links to the recipient's page: made if none is set, and then kept for good, since old mails have
# links by it.
set_up_page_key() {
  if [ "$WITH_PAGE" = yes ] && [ -z "$PREFERENCES_KEY" ] && ! has_line "$existing" "$(secret_name PREFERENCES_KEY)"; then
    PREFERENCES_KEY="$(python3 -c 'import secrets; print(secrets.token_urlsafe(32))')"
  fi
  ensure_secret PREFERENCES_KEY ""
}

# ensure_secret VARIABLE QUESTION: the secret and its latest version.
ensure_secret() {
  local holder value name there=no
  holder="$(holder_of "$1")"
  value="${!holder}"
  name="$(secret_name "$1")"
  if has_line "$existing" "$name"; then there=yes; fi
  if [ -z "$value" ] && [ "$there" = no ] && [ -n "$2" ] && can_ask; then
    IFS= read -r -s -p "  $2: " value
    printf '\n'
  fi
  if [ -z "$value" ] && [ "$there" = no ]; then
    if [ "$holder" != "$1" ] && [ "$DRY_RUN" = no ]; then fail "$1 is not set, and a kind of report needs it."; fi
    return
  fi
  if [ "$there" = no ]; then
    change secrets create "$name" --replication-policy=user-managed "--locations=$REGION"
    note created "secret $name"
    # A dry run promises the right to read it, too.
    if [ "$DRY_RUN" = yes ]; then printf '%s\n' "$name" >>"$WORK/secrets-to-be"; fi
  fi
  if [ -n "$value" ]; then ensure_version "$name" "$value"; fi
}

ensure_version() {
  local latest
  latest="$(read_if_there secrets versions access latest "--secret=$1")"
  if [ "$latest" = "$2" ]; then
    note unchanged "value of secret $1"
    return
  fi
  INPUT="$2" change secrets versions add "$1" --data-file=-
  if [ "$DRY_RUN" = yes ]; then : >"$WORK/version-to-be.$1"; fi
  note changed "value of secret $1"
}

# The number of the version that functions are pinned to, so that a new value is a new revision; nothing without a secret.
# https://cloud.google.com/run/docs/configuring/services/secrets#secret-versions
version_of() {
  local versions latest
  # Without --limit, which gcloud hands to the service: it would limit first, and sort what is left.
  versions="$(read_if_there secrets versions list "$1" --filter=state=ENABLED '--sort-by=~createTime' \
    --format='value(name.basename())')"
  latest="${versions%%$'\n'*}"
  # A dry run has not made the version that it promises.
  if [ -e "$WORK/version-to-be.$1" ]; then latest="$((${latest:-0} + 1))"; fi
  echo "$latest"
}
