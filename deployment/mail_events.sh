# shellcheck shell=bash
# SendGrid's Event Webhook, which calls the function mail-events. It is made and signed before the function, which needs
# the public key, and turned on after it: until then its calls would fail. Nothing that SendGrid answers stops a
# deployment. docs/mail-events.md says what the events are for.

# SendGrid's names of the events that the function keeps. https://www.twilio.com/docs/sendgrid/api-reference/webhooks
KEPT_EVENTS="bounce dropped spam_report unsubscribe group_unsubscribe group_resubscribe deferred delivered processed"

# What set_up_webhook has found: the public keys for the function, and whether the webhook is to be started.
WEBHOOK_KEYS=""
WEBHOOK_READY=no
WEBHOOK_DIFFERS=no

webhook_url() { echo "$(url_of mail-events)/sendgrid"; }

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

# ask_sendgrid COMMAND ARGUMENT...: one call of sendgrid_webhook.py. Notes what it did, and leaves its other lines in
# $WORK/webhook and its error text in $WORK/webhook.error.
ask_sendgrid() {
  local status=0 what about key
  : >"$WORK/webhook"
  key="$(sendgrid_key)"
  if [ -z "$key" ]; then
    echo "SENDGRID_API_KEY is not set, and cannot be read from Secret Manager" >"$WORK/webhook.error"
    return 3
  fi
  if [ "$DRY_RUN" = yes ]; then set -- "$@" --dry-run; fi
  detail asks: SendGrid "$@"
  printf '%s' "$key" | helper sendgrid_webhook "$SENDGRID_HOST" "$@" >"$WORK/webhook.lines" 2>"$WORK/webhook.error" || status=$?
  while IFS=$'\t' read -r what about; do
    case "$what" in
      created | changed | removed)
        note "$what" "$about"
        WEBHOOK_DIFFERS=yes
        ;;
      unchanged) note unchanged "$about" ;;
      *) printf '%s\t%s\n' "$what" "$about" >>"$WORK/webhook" ;;
    esac
  done <"$WORK/webhook.lines"
  return "$status"
}

# said WHAT: what the last call said about it.
said() { sed -n "s/^$1"$'\t'"//p" "$WORK/webhook"; }

# unique_keys KEY,KEY...: each once, with commas in between.
unique_keys() { tr -d ' ' <<<"$1" | tr ',' '\n' | awk 'NF && !seen[$0]++' | paste -s -d , -; }

# Makes the webhook, and decides which keys the function takes: SendGrid's, and beside it those of SENDGRID_WEBHOOK_KEY,
# so that a key can be replaced. Without any the function cannot be deployed.
set_up_webhook() {
  local status=0 running=""
  ask_sendgrid prepare "$(webhook_url)" "$(function_name mail-events) of $PROJECT_ID" "$(wanted_events)" || status=$?
  if [ "$status" -eq 0 ]; then
    WEBHOOK_READY=yes
    if [ -n "$(said off)" ]; then WEBHOOK_DIFFERS=yes; fi
    WEBHOOK_KEYS="$(unique_keys "$(said key),$SENDGRID_WEBHOOK_KEY")"
    # Of a webhook that a dry run does not make.
    if [ "$DRY_RUN" = yes ]; then default WEBHOOK_KEYS KEY; fi
    return
  fi
  # A key that works is not lost because SendGrid does not answer.
  if [ "$status" -eq 4 ] || [ -z "$SENDGRID_WEBHOOK_KEY" ]; then
    running="$(read_if_there functions describe "$(function_name mail-events)" "--region=$REGION" --v2 \
      --format='value(serviceConfig.environmentVariables.SENDGRID_WEBHOOK_KEY)')"
  fi
  WEBHOOK_KEYS="$(unique_keys "$running,$SENDGRID_WEBHOOK_KEY")"
  webhook_by_hand "$status"
}

# Says what to do where the API did not set the webhook up.
webhook_by_hand() {
  local reason
  reason="$(tail -n 1 "$WORK/webhook.error")"
  if [ "$1" -eq 4 ]; then
    warn_last "the event webhook was not looked at: $reason" \
      "When SendGrid answers again: ./deploy.sh --only=mail-events"
    if [ -n "$WEBHOOK_KEYS" ]; then return; fi
  elif [ -n "$WEBHOOK_KEYS" ]; then
    say "  the event webhook is left as it is: $reason"
    return
  fi
  # shellcheck disable=SC2034  # read by functions.sh
  WITH_MAIL_EVENTS=no
  warn_last "what becomes of the mails is not known: the function mail-events is not deployed, since it has no key." \
    "The event webhook is not set up: $reason" \
    "Change that and run ./deploy.sh again, set MAIL_EVENTS=off to do without, or set the webhook up by hand:" \
    "1. In SendGrid, under Settings, Mail Settings, Event Webhooks, make a webhook with the Post URL $(webhook_url)" \
    "   and the events $(wanted_events | sed 's/,/, /g')." \
    "2. Turn on its signature verification, and copy the public key." \
    "3. SENDGRID_WEBHOOK_KEY=KEY in deploy.env, and ./deploy.sh again."
}

# Turns the webhook on where it is not, and has SendGrid send an example after a change.
start_webhook() {
  if [ "$WEBHOOK_READY" = no ]; then return; fi
  if [ "$WEBHOOK_DIFFERS" = no ] && [ ! -e "$WORK/mail-events.differs" ]; then return; fi
  if ask_sendgrid start "$(webhook_url)"; then
    if [ -n "$(said tested)" ] && [ "$DRY_RUN" = no ]; then
      say "  SendGrid has sent example events; the log of $(function_name mail-events) has them as events_taken"
    fi
  else
    warn_last "the event webhook is not turned on or not tested: $(tail -n 1 "$WORK/webhook.error")" \
      "Try again: ./deploy.sh --only=mail-events. The webhook is in SendGrid under Settings, Mail Settings, Event Webhooks."
  fi
}

# Before the function goes: SendGrid would call it in vain for a day.
remove_webhook() {
  ask_sendgrid remove "$(webhook_url)" ||
    warn_last "the event webhook to $(webhook_url) may still be there: $(tail -n 1 "$WORK/webhook.error")" \
      "Delete it in SendGrid under Settings, Mail Settings, Event Webhooks."
}
