# shellcheck shell=bash
# Each database of the pipeline with what brings its data back, the composite indexes that its queries need there, the
# fields whose own indexes are not the usual ones, and the TTL policies.

INDEXES="$ROOT/deployment/firestore.indexes.json"

set_up_databases() {
  step firestore "Firestore databases"
  local database
  for database in $(databases); do ensure_database "$database"; done
}

set_up_firestore() {
  step firestore "Firestore indexes"
  local database
  for database in $(databases); do
    ensure_indexes "$database"
    ensure_fields "$database"
    ensure_ttl_policies "$database"
  done
}

ensure_database() { # DATABASE
  local found type versions protection schedules options=()
  found="$(read_if_there firestore databases describe "--database=$1" \
    --format='csv[no-heading](type,pointInTimeRecoveryEnablement,deleteProtectionState)')"
  IFS=, read -r type versions protection <<<"$found"
  case "$type" in
    "")
      if [ "$FIRESTORE_DELETE_PROTECTION" != off ]; then options+=(--delete-protection); fi
      if [ "$FIRESTORE_PITR" != off ]; then options+=(--enable-pitr); fi
      change firestore databases create "--database=$1" "--location=$FIRESTORE_LOCATION" --type=firestore-native \
        ${options[@]+"${options[@]}"}
      note created "Firestore database $1 in $FIRESTORE_LOCATION"
      ensure_backups "$1" "${FIRESTORE_BACKUPS:-daily}" "[]"
      ;;
    FIRESTORE_NATIVE)
      note unchanged "Firestore database $1"
      schedules="$(read_if_there firestore backups schedules list "--database=$1" --format=json)"
      ensure_versions "$1" "$versions"
      ensure_backups "$1" "$FIRESTORE_BACKUPS" "${schedules:-[]}"
      ensure_protection "$1" "$protection"
      name_what_may_be_lost "$1" "$versions" "$protection" "${schedules:-[]}"
      ;;
    *)
      fail "the database $1 of project $PROJECT_ID is in Datastore mode, which the pipeline cannot use." \
        "Use another project. A database without data can be changed to native mode:" \
        "https://cloud.google.com/datastore/docs/firestore-or-datastore"
      ;;
  esac
}

# firestore_indexes WHICH [DATABASE]: of the existing ones, as JSON on standard input, against those of the file, or of the
# file for the database. With two databases, the pipeline's own collections are in one and all others in the other.
firestore_indexes() {
  local which=except of=""
  if [ -n "${2:-}" ] && [ "$PIPELINE_DATABASE" != "$FIRESTORE_DATABASE" ]; then
    of="$COLLECTIONS"
    if [ "$2" = "$PIPELINE_DATABASE" ]; then which=only; fi
  fi
  # shellcheck disable=SC2086  # the list is words
  helper firestore_indexes "$1" "$INDEXES" "$which" $of
}

ensure_indexes() { # DATABASE
  local existing arguments=()
  existing="$(read_if_there firestore indexes composite list "--database=$1" --format=json)"
  firestore_indexes missing-composite "$1" <<<"${existing:-[]}" >"$WORK/indexes"
  while IFS=$'\t' read -r -a arguments <&3; do
    change firestore indexes composite create "--database=$1" "${arguments[@]}" --async
    note created "index ${arguments[*]}"
  done 3<"$WORK/indexes"
  if [ ! -s "$WORK/indexes" ]; then note unchanged "composite indexes"; fi
}

ensure_fields() { # DATABASE
  local existing collection field indexes
  existing="$(read_if_there firestore indexes fields list "--database=$1" --format=json)"
  firestore_indexes missing-fields "$1" <<<"${existing:-[]}" >"$WORK/fields"
  while IFS=$'\t' read -r collection field indexes <&3; do
    if [ "$indexes" = "[]" ]; then
      change firestore indexes fields update "$field" "--collection-group=$collection" "--database=$1" \
        --disable-indexes --async
    elif [ "$DRY_RUN" = yes ]; then
      planned "indexes of $collection.$field, over Firestore's REST interface: $indexes"
    else
      rest_call roles/datastore.indexAdmin firestore_field "$1" "$collection" "$field" "$indexes"
    fi
    note changed "indexes of a single field: $collection.$field"
  done 3<"$WORK/fields"
  if [ ! -s "$WORK/fields" ]; then note unchanged "indexes of single fields"; fi
}

ensure_ttl_policies() { # DATABASE
  local existing collection field
  existing="$(read_if_there firestore fields ttls list "--database=$1" --format=json)"
  firestore_indexes missing-ttl "$1" <<<"${existing:-[]}" >"$WORK/ttls"
  while IFS=$'\t' read -r collection field <&3; do
    change firestore fields ttls update "$field" "--collection-group=$collection" "--database=$1" \
      --enable-ttl --async
    note created "TTL policy on $collection.$field"
  done 3<"$WORK/ttls"
  if [ ! -s "$WORK/ttls" ]; then note unchanged "TTL policies"; fi
}
