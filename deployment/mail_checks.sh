# shellcheck shell=bash
# Warns about what keeps mails from arriving: DNS records, and what SendGrid knows of the sender. docs/deliverability.md
# explains each check; ./reports check mail shows all of them.

# check_sender: warns, and never stops the deployment.
check_sender() {
  step mail "Mail"
  local key state check found to_do
  key="$(sendgrid_key)"
  while IFS=$'\t' read -r state check found to_do; do
    case "$state" in
      warning | problem) warn "$check: $found. $to_do" ;;
      *) detail "$state:" "$check: $found" ;;
    esac
  done < <(helper check_sender "$MAIL_FROM" "$SENDGRID_HOST" "$MAIL_POSTAL_ADDRESS" <<<"$key")
}
