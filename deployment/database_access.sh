# shellcheck shell=bash
# Who may use the database: each account by a condition, whose title says which database it is. A project can have
# several. https://cloud.google.com/firestore/native/docs/manage-databases#per-database-access

# database_title PREFIX DATABASE: the title of the condition by which a pipeline's accounts have the database.
database_title() { if [ "$2" = "(default)" ]; then echo "$1-database"; else echo "$1-database-$2"; fi; }

database_condition() { echo "resource.name==\"projects/$PROJECT_ID/databases/$1\""; }

bind_database() { # POLICY ACCOUNT ROLE
  # shellcheck disable=SC2153  # names.sh and settings.sh set them
  bind_project "$1" "serviceAccount:$(account_of "$2")" "$3" "$(database_title "$PREFIX" "$FIRESTORE_DATABASE")" \
    "$(database_condition "$FIRESTORE_DATABASE")"
}

# take_back_databases ACCOUNT...: once these work with the database that the settings name, they need no other that the
# settings named before.
take_back_databases() {
  local policy name account role member title database
  policy="$(policy_of projects get-iam-policy "$PROJECT_ID")"
  for name in "$@"; do
    account="$(account_of "$name")"
    while IFS=$'\t' read -r role member title <&3; do
      case "$title" in
        "$PREFIX-database") database="(default)" ;;
        "$PREFIX-database-"*) database="${title#"$PREFIX-database-"}" ;;
        *) continue ;;
      esac
      if [ "$member" != "serviceAccount:$account" ] || [ "$database" = "$FIRESTORE_DATABASE" ]; then continue; fi
      take_back_from_project "the database $database" "$member" "$role" \
        "expression=$(database_condition "$database"),title=$title"
    done 3<<<"$policy"
  done
}

# has_database_alone POLICY ACCOUNTS: whether no other pipeline of the project uses the database. The account of its DLQ
# handler reveals another pipeline, and the conditions of its dispatcher say which database is that one's.
has_database_alone() {
  local account prefix role=roles/datastore.user
  while IFS= read -r account <&3; do
    prefix="${account%"-dlq-handler@$ACCOUNT_DOMAIN"}"
    if [ "$prefix" = "$account" ] || [ "$prefix" = "$PREFIX" ]; then continue; fi
    account="$prefix-dispatcher@$ACCOUNT_DOMAIN"
    if has_binding "$1" "$role" "serviceAccount:$account" "$(database_title "$prefix" "$FIRESTORE_DATABASE")"; then return 1; fi
    # Without such a condition it has its role in another way, which may be for every database.
    if ! grep -qF -- "$role"$'\t'"serviceAccount:$account"$'\t'"$prefix-database" <<<"$1"; then return 1; fi
  done 3<<<"$2"
}
