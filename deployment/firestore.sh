# shellcheck shell=bash
# The database with what brings its data back, the composite indexes that the queries need, the fields whose own indexes
# are not the usual ones, and the TTL policies.

INDEXES="$ROOT/deployment/firestore.indexes.json"

set_up_database() {
  step firestore "Firestore database"
  local found type versions protection schedules options=()
  found="$(read_if_there firestore databases describe "--database=$FIRESTORE_DATABASE" \
    --format='csv[no-heading](type,pointInTimeRecoveryEnablement,deleteProtectionState)')"
  IFS=, read -r type versions protection <<<"$found"
  case "$type" in
    "")
      if [ "$FIRESTORE_DELETE_PROTECTION" != off ]; then options+=(--delete-protection); fi
      if [ "$FIRESTORE_PITR" != off ]; then options+=(--enable-pitr); fi
      change firestore databases create "--database=$FIRESTORE_DATABASE" "--location=$FIRESTORE_LOCATION" --type=firestore-native \
        ${options[@]+"${options[@]}"}
      note created "Firestore database $FIRESTORE_DATABASE in $FIRESTORE_LOCATION"
      ensure_backups "${FIRESTORE_BACKUPS:-daily}" "[]"
      ;;
    FIRESTORE_NATIVE)
      note unchanged "Firestore database $FIRESTORE_DATABASE"
      schedules="$(read_if_there firestore backups schedules list "--database=$FIRESTORE_DATABASE" --format=json)"
      ensure_versions "$versions"
      ensure_backups "$FIRESTORE_BACKUPS" "${schedules:-[]}"
      ensure_protection "$protection"
      name_what_may_be_lost "$versions" "$protection" "${schedules:-[]}"
      ;;
    *)
      fail "the database $FIRESTORE_DATABASE of project $PROJECT_ID is in Datastore mode, which the pipeline cannot use." \
        "Use another project. A database without data can be changed to native mode:" \
        "https://cloud.google.com/datastore/docs/firestore-or-datastore"
      ;;
  esac
}

set_up_firestore() {
  step firestore "Firestore indexes"
  ensure_indexes
  ensure_fields
  ensure_ttl_policies
}

# firestore_indexes WHICH: of the existing ones, as JSON on standard input, against the wanted ones in the file.
firestore_indexes() { helper firestore_indexes "$1" "$INDEXES"; }

ensure_indexes() {
  local existing arguments=()
  existing="$(read_if_there firestore indexes composite list "--database=$FIRESTORE_DATABASE" --format=json)"
  firestore_indexes missing-composite <<<"${existing:-[]}" >"$WORK/indexes"
  while IFS=$'\t' read -r -a arguments <&3; do
    change firestore indexes composite create "--database=$FIRESTORE_DATABASE" "${arguments[@]}" --async
    note created "index ${arguments[*]}"
  done 3<"$WORK/indexes"
  if [ ! -s "$WORK/indexes" ]; then note unchanged "composite indexes"; fi
}

ensure_fields() {
  local existing collection field indexes
  existing="$(read_if_there firestore indexes fields list "--database=$FIRESTORE_DATABASE" --format=json)"
  firestore_indexes missing-fields <<<"${existing:-[]}" >"$WORK/fields"
  while IFS=$'\t' read -r collection field indexes <&3; do
    if [ "$indexes" = "[]" ]; then
      change firestore indexes fields update "$field" "--collection-group=$collection" "--database=$FIRESTORE_DATABASE" \
        --disable-indexes --async
    elif [ "$DRY_RUN" = yes ]; then
      planned "indexes of $collection.$field, over Firestore's REST interface: $indexes"
    else
      rest_call roles/datastore.indexAdmin firestore_field "$FIRESTORE_DATABASE" "$collection" "$field" "$indexes"
    fi
    note changed "indexes of a single field: $collection.$field"
  done 3<"$WORK/fields"
  if [ ! -s "$WORK/fields" ]; then note unchanged "indexes of single fields"; fi
}

ensure_ttl_policies() {
  local existing collection field
  existing="$(read_if_there firestore fields ttls list "--database=$FIRESTORE_DATABASE" --format=json)"
  firestore_indexes missing-ttl <<<"${existing:-[]}" >"$WORK/ttls"
  while IFS=$'\t' read -r collection field <&3; do
    change firestore fields ttls update "$field" "--collection-group=$collection" "--database=$FIRESTORE_DATABASE" \
      --enable-ttl --async
    note created "TTL policy on $collection.$field"
  done 3<"$WORK/ttls"
  if [ ! -s "$WORK/ttls" ]; then note unchanged "TTL policies"; fi
}
