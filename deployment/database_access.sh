# shellcheck shell=bash
# Who may use the database: each account by a condition, whose title says which database it is. A project can have
# several. https://cloud.google.com/firestore/native/docs/manage-databases#per-database-access

# database_title PREFIX DATABASE: the title of the condition by which a pipeline's accounts have the database.
database_title() { if [ "$2" = "(default)" ]; then echo "$1-database"; else echo "$1-database-$2"; fi; }

database_condition() { echo "resource.name==\"projects/$PROJECT_ID/databases/$1\""; }

bind_database() { # POLICY MEMBER ROLE
  # shellcheck disable=SC2153  # names.sh and settings.sh set them
  bind_project "$1" "$2" "$3" "$(database_title "$PREFIX" "$FIRESTORE_DATABASE")" "$(database_condition "$FIRESTORE_DATABASE")"
}

# take_back_databases NAME...: once these functions work on the database that FIRESTORE_DATABASE names, they need no other
# that it named before.
take_back_databases() {
  local policy name role member title database members=()
  for name in "$@"; do members+=("serviceAccount:$(account_of "$name")"); done
  policy="$(policy_of projects get-iam-policy "$PROJECT_ID")"
  while IFS=$'\t' read -r role member title <&3; do
    case "$title" in
      "$PREFIX-database") database="(default)" ;;
      "$PREFIX-database-"*) database="${title#"$PREFIX-database-"}" ;;
      *) continue ;;
    esac
    if [ "$database" = "$FIRESTORE_DATABASE" ] || ! is_one_of "$member" "${members[@]}"; then continue; fi
    change projects remove-iam-policy-binding "$PROJECT_ID" "--member=$member" "--role=$role" \
      "--condition=expression=$(database_condition "$database"),title=$title"
    note removed "$role on the database $database for ${member#*:}"
  done 3<<<"$policy"
}

# has_database_alone POLICY ACCOUNTS: whether no other pipeline of the project uses the database. The account of its DLQ
# handler reveals another pipeline, and its conditions say which database is that one's.
has_database_alone() {
  local account prefix role=roles/datastore.user
  while IFS= read -r account <&3; do
    prefix="${account%"-dlq-handler@$ACCOUNT_DOMAIN"}"
    if [ "$prefix" = "$account" ] || [ "$prefix" = "$PREFIX" ]; then continue; fi
    if has_binding "$1" "$role" "serviceAccount:$account" "$(database_title "$prefix" "$FIRESTORE_DATABASE")"; then return 1; fi
    # Without such a condition it has its role in another way, which may be for every database.
    if ! grep -qF -- "$role"$'\t'"serviceAccount:$account"$'\t'"$prefix-database" <<<"$1"; then return 1; fi
  done 3<<<"$2"
}
