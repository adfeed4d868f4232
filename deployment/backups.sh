# shellcheck shell=bash
# What brings a database's data back: its versions of the last days (point-in-time recovery), and copies of each day or
# week. A database that the script makes has both. To one that was there before, and may be another team's, the script
# adds only what the settings say. https://firebase.google.com/docs/firestore/pitr and
# https://firebase.google.com/docs/firestore/backups

# ensure_versions ENABLEMENT
ensure_versions() {
  if [ "$FIRESTORE_PITR" != on ]; then return; fi
  if [ "$1" = POINT_IN_TIME_RECOVERY_ENABLED ]; then
    note unchanged "point-in-time recovery of $FIRESTORE_DATABASE"
  else
    change firestore databases update "--database=$FIRESTORE_DATABASE" --enable-pitr
    note changed "point-in-time recovery of $FIRESTORE_DATABASE"
  fi
}

# ensure_backups RECURRENCE SCHEDULES: a schedule of daily or weekly backups, beside those that there are, as JSON. A
# database has at most one of each recurrence, and the script deletes none.
ensure_backups() {
  local what="$1 backups of $FIRESTORE_DATABASE, kept for $FIRESTORE_BACKUP_RETENTION" id when=()
  if is_one_of "$1" "" off; then return; fi
  id="$(helper backup_schedule "$1" "$FIRESTORE_BACKUP_RETENTION" <<<"$2")"
  case "$id" in
    as-it-should-be) note unchanged "$what" ;;
    "")
      when=("--recurrence=$1")
      if [ "$1" = weekly ]; then when+=(--day-of-week=SUN); fi
      change firestore backups schedules create "--database=$FIRESTORE_DATABASE" "${when[@]}" "--retention=$FIRESTORE_BACKUP_RETENTION"
      note created "$what"
      ;;
    *)
      change firestore backups schedules update "--database=$FIRESTORE_DATABASE" "--backup-schedule=$id" \
        "--retention=$FIRESTORE_BACKUP_RETENTION"
      note changed "$what"
      ;;
  esac
}

# ensure_protection STATE
ensure_protection() {
  if [ "$FIRESTORE_DELETE_PROTECTION" != on ]; then return; fi
  if [ "$1" = DELETE_PROTECTION_ENABLED ]; then
    note unchanged "delete protection of $FIRESTORE_DATABASE"
  else
    change firestore databases update "--database=$FIRESTORE_DATABASE" --delete-protection
    note changed "delete protection of $FIRESTORE_DATABASE"
  fi
}

# name_what_may_be_lost ENABLEMENT PROTECTION SCHEDULES: what the database lacks, or somebody has turned off, and no
# setting speaks of.
name_what_may_be_lost() {
  local missing=()
  if [ -z "$FIRESTORE_PITR" ] && [ "$1" != POINT_IN_TIME_RECOVERY_ENABLED ]; then missing+=(FIRESTORE_PITR=on); fi
  if [ -z "$FIRESTORE_BACKUPS" ] && [ "$3" = "[]" ]; then missing+=(FIRESTORE_BACKUPS=daily); fi
  if [ -z "$FIRESTORE_DELETE_PROTECTION" ] && [ "$2" != DELETE_PROTECTION_ENABLED ]; then
    missing+=(FIRESTORE_DELETE_PROTECTION=on)
  fi
  if [ ${#missing[@]} -gt 0 ]; then
    differs_by_hand "what is deleted or overwritten in the database $FIRESTORE_DATABASE may be gone for good: set ${missing[*]} in deploy.env." \
      "Google charges for versions and backups. With off instead, nothing is said of it (docs/guides/recovery.md)."
  fi
}
