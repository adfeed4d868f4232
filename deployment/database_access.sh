# shellcheck shell=bash
# Who may use which database: each account by a condition, whose title says which database it is.
# https://cloud.google.com/firestore/native/docs/manage-databases#per-database-access

# databases_of ACCOUNT: those that it works with, a line each. Firestore's roles tell no collections apart: what must not
# see users has no role on their database.
databases_of() {
  case "$1" in
    preferences) echo "$FIRESTORE_DATABASE" ;;
    dlq-handler) echo "$PIPELINE_DATABASE" ;;
    console) if [ -n "$CONSOLE_OPERATORS" ]; then databases; else echo "$PIPELINE_DATABASE"; fi ;;
    *) databases ;;
  esac
}

# database_title PREFIX DATABASE: the title of the condition by which a pipeline's accounts have the database.
database_title() { if [ "$2" = "(default)" ]; then echo "$1-database"; else echo "$1-database-$2"; fi; }

database_condition() { echo "resource.name==\"projects/$PROJECT_ID/databases/$1\""; }

bind_databases() { # POLICY ACCOUNT ROLE
  local database
  for database in $(databases_of "$2"); do
    # shellcheck disable=SC2153  # names.sh and settings.sh set them
    bind_project "$1" "serviceAccount:$(account_of "$2")" "$3" "$(database_title "$PREFIX" "$database")" \
      "$(database_condition "$database")"
  done
}

# take_back_databases ACCOUNT...: once these work with the databases that the settings name, they need no other that the
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
      # shellcheck disable=SC2046  # a name is one word
      if [ "$member" != "serviceAccount:$account" ] || is_one_of "$database" $(databases_of "$name"); then continue; fi
      take_back_from_project "the database $database" "$member" "$role" \
        "expression=$(database_condition "$database"),title=$title"
    done 3<<<"$policy"
  done
}

# has_database_alone POLICY ACCOUNTS DATABASE: whether no other pipeline of the project uses the database. The account of its
# DLQ handler reveals another pipeline, and the conditions of its dispatcher say which databases are that one's.
has_database_alone() {
  local account prefix role=roles/datastore.user
  while IFS= read -r account <&3; do
    prefix="${account%"-dlq-handler@$ACCOUNT_DOMAIN"}"
    if [ "$prefix" = "$account" ] || [ "$prefix" = "$PREFIX" ]; then continue; fi
    account="$prefix-dispatcher@$ACCOUNT_DOMAIN"
    if has_binding "$1" "$role" "serviceAccount:$account" "$(database_title "$prefix" "$3")"; then return 1; fi
    # Without such a condition it has its role in another way, which may be for every database.
    if ! grep -qF -- "$role"$'\t'"serviceAccount:$account"$'\t'"$prefix-database" <<<"$1"; then return 1; fi
  done 3<<<"$2"
}
