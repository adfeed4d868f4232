# shellcheck shell=bash
# The mail provider's webhook, which calls the function mail-events. It is made before the function, which needs what its
# calls are signed with. Nothing that the provider answers stops a deployment. docs/guides/mail-events.md says what the events
# are for.

# SendGrid's names of the events that the function keeps, which stand for those of every provider.
# https://www.twilio.com/docs/sendgrid/api-reference/webhooks
KEPT_EVENTS="bounce dropped spam_report unsubscribe group_unsubscribe group_resubscribe deferred delivered processed"

# What set_up_webhook has found: the public keys for the function, and whether the webhook is to be started.
WEBHOOK_KEYS=""
WEBHOOK_READY=no
WEBHOOK_DIFFERS=no

# What the last call of the provider has said, a line each, without what is noted already.
WEBHOOK_SAID=""

# webhook_url [PROVIDER]
webhook_url() { echo "$(url_of mail-events)/${1:-$MAIL_PROVIDER}"; }

# Where the provider's webhooks are, for people.
webhook_place() { # PROVIDER
  case "$1" in
    sendgrid) echo "SendGrid, under Settings, Mail Settings, Event Webhooks" ;;
    resend) echo "Resend, under Webhooks" ;;
  esac
}

# The events as a list with commas.
wanted_events() { tr -s ' ,' ',,' <<<"$MAIL_EVENTS" | sed -e 's/^,//' -e 's/,$//'; }

# A line for each mistake in MAIL_EVENTS and SENDGRID_WEBHOOK_KEY.
wrong_mail_events() {
  local event
  if [ "$MAIL_EVENTS" != off ]; then
    for event in $(wanted_events | tr ',' ' '); do
      # shellcheck disable=SC2086  # the list is words
      is_one_of "$event" $KEPT_EVENTS ||
        echo "MAIL_EVENTS: $event is not one of ${KEPT_EVENTS// /, }; or off, for no events at all."
    done
  fi
  matches "${SENDGRID_WEBHOOK_KEY:-x}" '^[A-Za-z0-9+/=]+([ ]*,[ ]*[A-Za-z0-9+/=]+)*$' ||
    echo "SENDGRID_WEBHOOK_KEY: the public key as SendGrid shows it, or two, separated by a comma."
}

# ask_provider PROVIDER COMMAND ARGUMENT...: one call of the provider's …_webhook.py. Notes what it did, and leaves its
# other lines in WEBHOOK_SAID, since one may be a secret, and its error text in $WORK/webhook.error.
ask_provider() {
  local provider="$1" status=0 lines what about key
  shift
  WEBHOOK_SAID=""
  key="$(provider_key "$provider")"
  if [ -z "$key" ]; then
    echo "$(key_of "$provider") is not set, and cannot be read from Secret Manager" >"$WORK/webhook.error"
    return 3
  fi
  if [ "$DRY_RUN" = yes ]; then set -- "$@" --dry-run; fi
  detail asks: "$(provider_title "$provider")" "$@"
  lines="$(printf '%s' "$key" | helper "${provider}_webhook" "$(provider_host "$provider")" "$@" 2>"$WORK/webhook.error")" || status=$?
  while IFS=$'\t' read -r what about; do
    case "$what" in
      "") ;;
      created | changed | removed)
        note "$what" "$about"
        WEBHOOK_DIFFERS=yes
        ;;
      unchanged) note unchanged "$about" ;;
      *) WEBHOOK_SAID="$WEBHOOK_SAID$what"$'\t'"$about"$'\n' ;;
    esac
  done <<<"$lines"
  return "$status"
}

# said WHAT: what the last call said about it.
said() { sed -n "s/^$1"$'\t'"//p" <<<"$WEBHOOK_SAID"; }

# unique_keys KEY,KEY...: each once, with commas in between.
unique_keys() { tr -d ' ' <<<"$1" | tr ',' '\n' | awk 'NF && !seen[$0]++' | paste -s -d , -; }

# Makes the webhook, and decides what the function takes calls by: what the provider says, and beside it what the settings
# say, so that a key or a secret can be replaced. Without any the function cannot be deployed.
set_up_webhook() {
  local status=0
  ask_provider "$MAIL_PROVIDER" prepare "$(webhook_url)" "$(function_name mail-events) of $PROJECT_ID" "$(wanted_events)" || status=$?
  case "$MAIL_PROVIDER" in
    sendgrid) take_webhook_keys "$status" ;;
    resend) take_webhook_secret "$status" ;;
  esac
}

# SendGrid signs with a private key, and shows the public one.
take_webhook_keys() { # STATUS
  local running=""
  if [ "$1" -eq 0 ]; then
    WEBHOOK_READY=yes
    if [ -n "$(said off)" ]; then WEBHOOK_DIFFERS=yes; fi
    WEBHOOK_KEYS="$(unique_keys "$(said key),$SENDGRID_WEBHOOK_KEY")"
    # Of a webhook that a dry run does not make.
    if [ "$DRY_RUN" = yes ]; then default WEBHOOK_KEYS KEY; fi
    return
  fi
  # A key that works is not lost because SendGrid does not answer.
  if [ "$1" -eq 4 ] || [ -z "$SENDGRID_WEBHOOK_KEY" ]; then
    running="$(running_variable mail-events SENDGRID_WEBHOOK_KEY)"
  fi
  WEBHOOK_KEYS="$(unique_keys "$running,$SENDGRID_WEBHOOK_KEY")"
  webhook_by_hand "$1" "$WEBHOOK_KEYS" \
    "1. In SendGrid, under Settings, Mail Settings, Event Webhooks, make a webhook with the Post URL $(webhook_url)" \
    "   and the events $(wanted_events | sed 's/,/, /g')." \
    "2. Turn on its signature verification, and copy the public key." \
    "3. SENDGRID_WEBHOOK_KEY=KEY in deploy.env, and ./deploy.sh again."
}

# Resend signs with a secret that both sides have.
take_webhook_secret() { # STATUS
  local existing there=""
  existing="$(existing_secrets)"
  if [ "$1" -eq 0 ]; then
    RESEND_WEBHOOK_SECRET="$(unique_keys "$(said key),$RESEND_WEBHOOK_SECRET")"
    if [ "$DRY_RUN" = yes ]; then default RESEND_WEBHOOK_SECRET SECRET; fi
  else
    if has_line "$existing" "$(secret_name RESEND_WEBHOOK_SECRET)"; then there=stored; fi
    webhook_by_hand "$1" "$RESEND_WEBHOOK_SECRET$there" \
      "1. In Resend, under Webhooks, add a webhook with the URL $(webhook_url) and the events email.bounced," \
      "   email.complained, email.failed, email.suppressed, email.delivery_delayed and email.delivered." \
      "2. Copy its signing secret." \
      "3. RESEND_WEBHOOK_SECRET=SECRET in deploy.env, and ./deploy.sh again."
  fi
  if [ "$WITH_MAIL_EVENTS" = yes ]; then
    ensure_secret RESEND_WEBHOOK_SECRET ""
    declared readers
  fi
}

# webhook_by_hand STATUS KEYS STEP...: says what to do where the API did not set the webhook up.
webhook_by_hand() {
  local reason status="$1" keys="$2"
  shift 2
  reason="$(tail -n 1 "$WORK/webhook.error")"
  if [ "$status" -eq 4 ]; then
    warn_last "the event webhook was not looked at: $reason" \
      "When $(provider_title "$MAIL_PROVIDER") answers again: ./deploy.sh --only=mail-events"
    if [ -n "$keys" ]; then return; fi
  elif [ -n "$keys" ]; then
    say "  the event webhook is left as it is: $reason"
    return
  fi
  # shellcheck disable=SC2034  # read by functions.sh
  WITH_MAIL_EVENTS=no
  warn_last "what becomes of the mails is not known: the function mail-events is not deployed, since it has no key." \
    "The event webhook is not set up: $reason" \
    "Change that and run ./deploy.sh again, set MAIL_EVENTS=off to do without, or set the webhook up by hand:" \
    "$@"
}

# Turns SendGrid's webhook on where it is not, and has SendGrid send an example after a change: until the function runs, its
# calls would fail. Resend's is on from the beginning, since Resend repeats a call for longer than a deployment takes.
start_webhook() {
  if [ "$WEBHOOK_READY" = no ]; then return; fi
  if [ "$WEBHOOK_DIFFERS" = no ] && [ ! -e "$WORK/mail-events.differs" ]; then return; fi
  if ask_provider sendgrid start "$(webhook_url)"; then
    if [ -n "$(said tested)" ] && [ "$DRY_RUN" = no ]; then
      say "  SendGrid has sent example events; the log of $(function_name mail-events) has them as events_taken"
    fi
  else
    warn_last "the event webhook is not turned on or not tested: $(tail -n 1 "$WORK/webhook.error")" \
      "Try again: ./deploy.sh --only=mail-events. The webhook is in SendGrid under Settings, Mail Settings, Event Webhooks."
  fi
}

# remove_webhook PROVIDER: before the function goes, or takes another provider's calls: it would be called in vain.
remove_webhook() {
  if [ "$1" = smtp ]; then return; fi
  ask_provider "$1" remove "$(webhook_url "$1")" ||
    warn_last "the event webhook to $(webhook_url "$1") may still be there: $(tail -n 1 "$WORK/webhook.error")" \
      "Delete it in $(webhook_place "$1")."
}
