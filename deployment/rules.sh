# shellcheck shell=bash
# Firestore's rules for web and mobile clients, only where --firestore-rules asks for them. A database has one set of
# them, for everything in it: the script replaces a set that it has not made only with --replace-rules.

RULES="$ROOT/deployment/firestore.rules"

# firestore_rules COMMAND ARGUMENT...
firestore_rules() { google_program deployment.firestore_rules "$FIRESTORE_DATABASE" "$@"; }

set_up_rules() {
  step rules "Firestore rules"
  local state="" ruleset="" failed
  firestore_rules compare "$RULES" >"$WORK/rules"
  read -r state ruleset <"$WORK/rules" || true
  if [ "$state" = same ]; then
    note unchanged "Firestore rules of the database $FIRESTORE_DATABASE"
    return
  fi
  say "  The rules of the database $FIRESTORE_DATABASE change so:"
  tail -n +2 "$WORK/rules" | sed 's/^/    /'
  if [ "$state" = foreign ] && [ "$REPLACE_RULES" = no ]; then
    fail "the database $FIRESTORE_DATABASE has rules that this script has not made, or that were edited since ($ruleset)." \
      "They were left as they are; all else is done. The lines above with - would go, those with + would come." \
      "To keep yours, copy them into deployment/firestore.rules, or copy what you need of that file into yours." \
      "To have deployment/firestore.rules in their place: ./deploy.sh --firestore-rules --replace-rules"
  fi
  if [ "$DRY_RUN" = no ]; then
    failed="$(firestore_rules test "$RULES" "$RULES.cases.json")"
    if [ -n "$failed" ]; then
      printf '%s\n' "$failed" | sed 's/^/    /' >&2
      fail "deployment/firestore.rules does not do what deployment/firestore.rules.cases.json says. The rules were left as they are." \
        "A case that you do not want is yours to change there."
    fi
    firestore_rules release "$RULES"
  fi
  if [ "$state" = none ]; then note created "Firestore rules of the database $FIRESTORE_DATABASE"; else note changed "Firestore rules of the database $FIRESTORE_DATABASE"; fi
  if [ -n "$ruleset" ]; then say "  The rules before are kept as $ruleset; the Firebase console can bring them back."; fi
}
