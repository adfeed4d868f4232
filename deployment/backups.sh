# shellcheck shell=bash
# What brings a database's data back: its versions of the last days (point-in-time recovery), and copies of each day or
# week. A database that the script makes has both. To one that was there before, and may be another team's, the script
# adds only what the settings say. https://firebase.google.com/docs/firestore/pitr and
# https://firebase.google.com/docs/firestore/backups

# ensure_versions DATABASE ENABLEMENT
ensure_versions() {
  if [ "$FIRESTORE_PITR" != on ]; then return; fi
  if [ "$2" = POINT_IN_TIME_RECOVERY_ENABLED ]; then
    note unchanged "point-in-time recovery of $1"
  else
    change firestore databases update "--database=$1" --enable-pitr
    note changed "point-in-time recovery of $1"
  fi
}

# ensure_backups DATABASE RECURRENCE SCHEDULES: a schedule of daily or weekly backups, beside those that there are, as
# JSON. A database has at most one of each recurrence, and the script deletes none.
ensure_backups() {
  local what="$2 backups of $1, kept for $FIRESTORE_BACKUP_RETENTION" id when=()
  if is_one_of "$2" "" off; then return; fi
  id="$(helper backup_schedule "$2" "$FIRESTORE_BACKUP_RETENTION" <<<"$3")"
  case "$id" in
    as-it-should-be) note unchanged "$what" ;;
    "")
      when=("--recurrence=$2")
      if [ "$2" = weekly ]; then when+=(--day-of-week=SUN); fi
      change firestore backups schedules create "--database=$1" "${when[@]}" "--retention=$FIRESTORE_BACKUP_RETENTION"
      note created "$what"
      ;;
    *)
      change firestore backups schedules update "--database=$1" "--backup-schedule=$id" \
        "--retention=$FIRESTORE_BACKUP_RETENTION"
      note changed "$what"
      ;;
  esac
}

# ensure_protection DATABASE STATE
ensure_protection() {
  if [ "$FIRESTORE_DELETE_PROTECTION" != on ]; then return; fi
  if [ "$2" = DELETE_PROTECTION_ENABLED ]; then
    note unchanged "delete protection of $1"
  else
    change firestore databases update "--database=$1" --delete-protection
    note changed "delete protection of $1"
  fi
}

# name_what_may_be_lost DATABASE ENABLEMENT PROTECTION SCHEDULES: what the database lacks, or somebody has turned off, and
# no setting speaks of.
name_what_may_be_lost() {
  local missing=()
  if [ -z "$FIRESTORE_PITR" ] && [ "$2" != POINT_IN_TIME_RECOVERY_ENABLED ]; then missing+=(FIRESTORE_PITR=on); fi
  if [ -z "$FIRESTORE_BACKUPS" ] && [ "$4" = "[]" ]; then missing+=(FIRESTORE_BACKUPS=daily); fi
  if [ -z "$FIRESTORE_DELETE_PROTECTION" ] && [ "$3" != DELETE_PROTECTION_ENABLED ]; then
    missing+=(FIRESTORE_DELETE_PROTECTION=on)
  fi
  if [ ${#missing[@]} -gt 0 ]; then
    differs_by_hand "what is deleted or overwritten in the database $1 may be gone for good: set ${missing[*]} in deploy.env." \
      "Google charges for versions and backups. With off instead, nothing is said of it (docs/guides/recovery.md)."
  fi
}
