# shellcheck shell=bash
# A monthly budget for the project, only where BUDGET says how much. It is a resource of the billing account, and is found
# again by its name there. https://cloud.google.com/billing/docs/how-to/budgets

# budgets read_if_there|change COMMAND ARGUMENT...: a call that counts for the project's own quota, where the API is on.
# https://cloud.google.com/docs/quotas/set-quota-project
budgets() { "$1" billing budgets "${@:2}" "--billing-project=$PROJECT_ID"; }

billing_account() { read_if_there billing projects describe "$PROJECT_ID" --format='value(billingAccountName.basename())'; }

# budget_name ACCOUNT: of the one that the script has made; nothing where there is none.
budget_name() {
  local budgets
  budgets="$(budgets read_if_there list "--billing-account=$1" --format='value(name,displayName)')"
  first "$budgets" "$BUDGET_TITLE"
}

# ensure_budget CHANNEL: CHANNEL is a notification channel of e-mail, the only sort that a budget takes, or nothing.
ensure_budget() {
  local account name existing rule flags rules=()
  if [ -z "$BUDGET" ]; then return; fi
  account="$(billing_account)"
  render .json "BUDGET=$BUDGET" "PROJECT_NUMBER=$PROJECT_NUMBER" "CHANNELS=$1" -- "$ROOT/deployment/budget.json"
  flags=("--budget-amount=$BUDGET" "--filter-projects=projects/$PROJECT_NUMBER" --calendar-period=month)
  if [ -n "$1" ]; then flags+=("--notifications-rule-monitoring-notification-channels=$1"); fi
  for rule in percent=0.5,basis=current-spend percent=0.9,basis=current-spend percent=1.0,basis=current-spend \
    percent=1.0,basis=forecasted-spend; do
    rules+=("threshold-rule=$rule")
  done
  name="$(budget_name "$account")"
  if [ -z "$name" ]; then
    budgets change create "--billing-account=$account" "--display-name=$BUDGET_TITLE" "${flags[@]}" "${rules[@]/#/--}"
    note created "budget \"$BUDGET_TITLE\""
    return
  fi
  existing="$(budgets read_if_there list "--billing-account=$account" --format=json)"
  if is_different "budget \"$BUDGET_TITLE\"" --element "$name" --file "$WORK/budget.json" <<<"$existing"; then
    budgets change update "$name" "${flags[@]}" --clear-threshold-rules "${rules[@]/#/--add-}"
    note changed "budget \"$BUDGET_TITLE\""
  else
    note unchanged "budget \"$BUDGET_TITLE\""
  fi
}

# Without BUDGET the script has no business with the billing account, to which the one who removes may have no way.
remove_budget() {
  local name
  if [ -z "$BUDGET" ]; then return; fi
  name="$(budget_name "$(billing_account)")"
  if [ -n "$name" ]; then remove "budget \"$BUDGET_TITLE\"" billing budgets delete "$name" "--billing-project=$PROJECT_ID"; fi
}
