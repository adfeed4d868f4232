# shellcheck shell=bash
# Warns about what keeps mails from arriving: DNS records, and what the mail provider says of the sender and the key.
# docs/guides/deliverability.md explains each check; ./reports check mail shows all of them.

# check_sender: before the functions are deployed, and with what is a problem once more at the end. It never stops the
# deployment: a wrong key is replaced by another deployment, and a network may keep this machine alone from asking.
check_sender() {
  step mail "Mail"
  local key state check found to_do rate
  key="$(provider_key "$MAIL_PROVIDER")"
  count_queues
  rate="$(awk -v rate="$(full_rate)" -v queues="$QUEUES" 'BEGIN { print rate * queues }')"
  while IFS=$'\t' read -r state check found to_do; do
    case "$state" in
      warning) warn "$check: $found. $to_do" ;;
      problem)
        warn "$check: $found. $to_do"
        warn_last "$check: $found. $to_do"
        ;;
      *) detail "$state:" "$check: $found" ;;
    esac
  done < <(helper check_sender "$MAIL_PROVIDER" "$MAIL_FROM" "$(provider_host "$MAIL_PROVIDER")" "$MAIL_POSTAL_ADDRESS" "$rate" <<<"$key")
}
