# shellcheck shell=bash
# The mail provider: which settings and secrets are its own, and what goes when another one takes its place.
# docs/guides/providers.md helps to choose one.

# key_of PROVIDER: the secret with which the worker sends.
key_of() {
  case "$1" in
    sendgrid) echo SENDGRID_API_KEY ;;
    resend) echo RESEND_API_KEY ;;
    smtp) echo SMTP_URL ;;
  esac
}

provider_title() {
  case "$1" in
    sendgrid) echo SendGrid ;;
    resend) echo Resend ;;
    smtp) echo "the SMTP server" ;;
  esac
}

# provider_host PROVIDER: where its API is; nothing where SMTP_URL says it.
provider_host() {
  case "$1" in
    sendgrid) echo "$SENDGRID_HOST" ;;
    resend) echo "$RESEND_HOST" ;;
  esac
}

# The secrets that a function has for the mail provider's sake.
provider_secrets() { # FUNCTION
  case "$MAIL_PROVIDER $1" in
    "sendgrid worker" | "sendgrid dispatcher") echo SENDGRID_API_KEY ;;
    "resend worker") echo RESEND_API_KEY ;;
    "resend mail-events") echo RESEND_WEBHOOK_SECRET ;;
    "smtp worker") echo SMTP_URL ;;
  esac
}

# The variables that a function has for the mail provider's sake, a line each.
provider_environment() { # FUNCTION
  echo "MAIL_PROVIDER=$MAIL_PROVIDER"
  case "$MAIL_PROVIDER $1" in
    "sendgrid worker")
      echo "SENDGRID_HOST=$SENDGRID_HOST"
      optional SENDGRID_LOGS
      ;;
    "sendgrid dispatcher") echo "SENDGRID_HOST=$SENDGRID_HOST" ;;
    "sendgrid mail-events") echo "SENDGRID_WEBHOOK_KEY=$WEBHOOK_KEYS" ;;
    "resend worker") echo "RESEND_HOST=$RESEND_HOST" ;;
  esac
}

# A line for each mistake in the settings that are a provider's own.
wrong_mail_provider() {
  local name
  if ! is_one_of "$MAIL_PROVIDER" sendgrid resend smtp; then
    echo "MAIL_PROVIDER: sendgrid, resend or smtp; docs/guides/providers.md helps to choose."
    return
  fi
  for name in SENDGRID_HOST RESEND_HOST; do
    matches "${!name}" '^https://[^[:space:]]+$' || echo "$name: must begin with https://: the API key and the mails go there."
  done
  if [ "$MAIL_PROVIDER" != sendgrid ] && { [ -n "$MAIL_UNSUBSCRIBE_GROUP" ] || [ "$MAIL_CHECK_UNSUBSCRIBED" = true ]; }; then
    echo "MAIL_UNSUBSCRIBE_GROUP, MAIL_CHECK_UNSUBSCRIBED: SendGrid alone has groups. Without them the script deploys the recipient's page (docs/guides/preferences.md)."
  fi
  for name in MAIL_FROM MAIL_REPLY_TO; do
    if [ "$MAIL_PROVIDER" = smtp ] && LC_ALL=C grep -q '[^ -~]' <<<"${!name%@*}"; then
      echo "$name: must be ASCII before its @ with MAIL_PROVIDER=smtp, since few mail servers take others."
    fi
  done
  matches "${RESEND_WEBHOOK_SECRET:-whsec_x}" '^whsec_[A-Za-z0-9+/=]+([ ]*,[ ]*whsec_[A-Za-z0-9+/=]+)*$' ||
    echo "RESEND_WEBHOOK_SECRET: the signing secret as Resend shows it, whsec_…, or two, separated by a comma."
  case "$SMTP_URL" in
    "") ;;
    *:25 | *:25/ | *:25\?*)
      # https://cloud.google.com/compute/docs/tutorials/sending-mail
      echo "SMTP_URL: Google Cloud lets nothing out to port 25; mail servers take mail from their users at 465 (smtps://) or 587 (smtp://)."
      ;;
    *)
      matches "$SMTP_URL" '^smtps?://([^[:space:]/@:?#]+:[^[:space:]/@:?#]+@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$' ||
        echo "SMTP_URL: smtps://user:password@host:465, or smtp://user:password@host:587 for STARTTLS; write @ : / ? # % in user or password in percent encoding, such as %40 for @."
      ;;
  esac
}

# provider_key PROVIDER: the key, which the script itself uses where the worker has it; nothing where there is none. Who
# only looks need not be able to read secrets (docs/guides/ci.md).
provider_key() {
  local name
  name="$(key_of "$1")"
  if [ -n "${!name}" ]; then
    printf '%s' "${!name}"
  elif [ "$DRY_RUN" = yes ]; then
    probe secrets versions access latest "--secret=$(secret_name "$name")" || true
  else
    read_if_there secrets versions access latest "--secret=$(secret_name "$name")"
  fi
}

# warn_of_change OLD: says what another provider does not take over.
warn_of_change() {
  warn_last "the mail provider changes from $(provider_title "$1") to $(provider_title "$MAIL_PROVIDER")." \
    "What $(provider_title "$1") has accepted, it delivers. The worker can no longer ask it about reports of unknown outcome: those" \
    "whose mail has an event by now are sent, and ON_UNKNOWN_OUTCOME decides about the others." \
    "Only $(provider_title "$1") shows what becomes of its mails from now on (docs/guides/providers.md)."
}
