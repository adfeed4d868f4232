# shellcheck shell=bash
# Releases: a canary, promoting it, rolling back. What serves is in Cloud Run's own traffic tables, and nowhere else, so
# that a script that was killed leaves nothing behind that the next one does not see. docs/guides/releases.md explains it.

# Of the script. 3 is that of --check.
UNCLEAR=4
WORSE=5

# services: the function and the service of each, as arguments of traffic.py, a line each; only the function of --only.
services() {
  local name
  for name in $FUNCTIONS; do
    if is_one_of "$ONLY" "" functions "$name"; then echo "$name=$(function_name "$name")"; fi
  done
}

# read_traffic [with-revisions]: leaves in $WORK/traffic where the traffic of each function goes.
read_traffic() {
  local list name lists="" names=()
  list="$(read_if_there run services list "--region=$REGION" --format=json)"
  printf '%s' "${list:-[]}" >"$WORK/services.json"
  note_traffic ""
  if [ "${1:-}" != with-revisions ]; then return; fi
  while IFS=$'\t' read -r name _; do names+=("$name"); done <"$WORK/traffic"
  for name in ${names[@]+"${names[@]}"}; do start "$WORK/$name.log" read_revisions "$name"; done
  finish_all
  for name in ${names[@]+"${names[@]}"}; do lists="$lists,$(cat "$WORK/$name.revisions")"; done
  note_traffic "${lists#,}"
}

note_traffic() { # REVISIONS
  printf '{"services": %s, "revisions": [%s]}' "$(cat "$WORK/services.json")" "$1" >"$WORK/cloud-run.json"
  # shellcheck disable=SC2046  # names without spaces
  helper traffic state $(services) <"$WORK/cloud-run.json" >"$WORK/traffic"
}

read_revisions() { # NAME
  local list
  list="$(read_if_there run revisions list "--service=$(function_name "$1")" "--region=$REGION" --format=json)"
  printf '%s' "${list:-[]}" >"$WORK/$1.revisions"
}

# of_traffic NAME state|serving: nothing where there is none.
of_traffic() {
  local name state serving
  if [ ! -e "$WORK/traffic" ]; then return; fi
  while IFS=$'\t' read -r name state serving _; do
    if [ "$name" = "$1" ] && [ "${!2}" != - ]; then echo "${!2}"; fi
  done <"$WORK/traffic"
}

# Stops while the traffic of functions is divided: whatever else is deployed then would change what is compared. A canary
# may go on.
require_undivided_traffic() {
  local name state serving canary divided="" ends=()
  read_traffic ${CANARY:+with-revisions}
  while IFS=$'\t' read -r name state serving canary _ <&3; do
    case "$state" in
      canary) if [ -z "$CANARY" ] || [ "$serving" = - ]; then divided="$divided, $name ($canary is a canary)"; fi ;;
      split) divided="$divided, $name (several revisions have a share)" ;;
    esac
  done 3<"$WORK/traffic"
  if [ -z "$divided" ]; then return; fi
  ends=("To send all to the newest revisions: $SELF --promote" "To send all to the old ones: $SELF --rollback")
  if [ "$CHECK" = yes ]; then
    differs_by_hand "the traffic of functions is divided: ${divided#, }." "${ends[@]}"
  else
    fail "the traffic of functions is divided: ${divided#, }. Nothing was changed." "${ends[@]}"
  fi
}

# has_canary NAME: whether the next revision of the service is a canary. That of a new one takes all traffic, and so does
# the console's.
has_canary() { [ -n "$CANARY" ] && [ -n "$(of_traffic "$1" state)" ]; }

# keeps_traffic NAME JSON: whether the service was rolled back, and is to be deployed from the same source again.
keeps_traffic() {
  [ "$(of_traffic "$1" state)" = older ] && ! { has_canary "$1" && [ -e "$WORK/$1.differs" ]; } &&
    [ -z "$(helper resource_diff "metadata.labels.source-hash=$(cat "$WORK/$1.hash")" <<<"$2")" ]
}

# misses_newest NAME JSON: whether the traffic of the service is to go to its newest revision, and does not. What is divided
# stops a deployment before this is asked, or is a canary that goes on.
misses_newest() {
  if has_canary "$1" || is_one_of "$(of_traffic "$1" state)" canary split; then return 1; fi
  [ -n "$(helper resource_diff "spec.traffic.#=1" "spec.traffic[0].latestRevision=true" <<<"$2")" ]
}

# release_labels NAME: further labels of its next revision. The revision that it replaces is that which serves, and not
# always the one that was made before it.
release_labels() {
  local serving
  serving="$(of_traffic "$1" serving)"
  echo "deployment=$DEPLOYMENT${serving:+,replaces=$serving}"
}

# Gives each canary its share of the traffic. A dry run has not made the revisions that it promises.
split_traffic() {
  local name state serving canary percent
  if [ "$DRY_RUN" = no ]; then read_traffic with-revisions; fi
  while IFS=$'\t' read -r name state serving canary percent _ <&3; do
    if [ "$DRY_RUN" = yes ] && [ -e "$WORK/$name.differs" ]; then
      give_share "$name" NEW-REVISION "$serving"
    elif [ "$state" = canary ] && [ "$percent" != "$CANARY" ]; then
      start "$WORK/$name.log" give_share "$name" "$canary" "$serving"
    fi
  done 3<"$WORK/traffic"
  finish_all
}

give_share() { # NAME CANARY SERVING
  local rest=$((100 - CANARY))
  change run services update-traffic "$(function_name "$1")" "--region=$REGION" "--to-revisions=$2=$CANARY,$3=$rest"
  note changed "traffic of function $(function_name "$1"): $CANARY % to $2, $rest % to $3"
}

# Compares the canaries with the old revisions until the time is over, or one is worse.
watch_canary() {
  step canary "Canary"
  local name state serving canary made pairs=() since="" watched verdict minutes progress
  while IFS=$'\t' read -r name state serving canary _ made <&3; do
    if [ "$state" != canary ]; then continue; fi
    pairs+=("$name=$canary:$serving")
    if [[ "$made" > "$since" ]]; then since="$made"; fi
  done 3<"$WORK/traffic"
  if [ "${#pairs[@]}" -eq 0 ]; then
    say "  No function has a canary: there is nothing to compare."
    return
  fi
  watched="$(canaries)"
  while :; do
    google_program deployment.canary_report "$PREFIX-attempts" "$since" "${pairs[@]}" >"$WORK/report"
    IFS=$'\t' read -r verdict minutes progress <"$WORK/report"
    if [ "$verdict" = worse ] || [ "$minutes" -ge "$CANARY_MINUTES" ]; then break; fi
    say "  $((CANARY_MINUTES - minutes)) min to go. Requests, of the new and the old: $progress"
    sleep 60
    read_traffic
    if [ "$(canaries)" != "$watched" ]; then
      say "The canary was ended or replaced meanwhile, and is watched no more."
      exit "$UNCLEAR"
    fi
  done
  tail -n +2 "$WORK/report" | sed 's/^/  /'
  end_canary "$verdict"
}

# The canary of each function, a line each.
canaries() { awk -F '\t' '$2 == "canary" { print $1, $4 }' "$WORK/traffic"; }

end_canary() { # VERDICT
  local alone="${ONLY:+ --only=$ONLY}"
  case "$1" in
    worse)
      say "It is worse than what it replaces, and gets no more traffic."
      move_traffic rollback-canary
      exit "$WORSE"
      ;;
    healthy)
      if [ "$PROMOTE_IF_HEALTHY" = yes ]; then
        move_traffic promote-canary
      else
        say "It is not worse than what it replaces. To send all traffic to it: $SELF --promote$alone. To end it: $SELF --rollback$alone."
      fi
      ;;
    unclear)
      say "That does not say whether it is worse. It keeps its share of the traffic. To watch it for longer: $SELF --canary $CANARY --canary-minutes 1440$alone."
      say "To send all traffic to it all the same: $SELF --promote$alone. To end it: $SELF --rollback$alone."
      exit "$UNCLEAR"
      ;;
  esac
}

# move_traffic promote|rollback|promote-canary|rollback-canary
move_traffic() {
  local moves name flags words moved=no
  read_traffic with-revisions
  # shellcheck disable=SC2046  # names without spaces
  if ! moves="$(helper traffic "$1" $(services) <"$WORK/cloud-run.json")"; then
    fail "all traffic stays as it is." "$(awk -F '\t' '{ print $1 ": " $3 }' <<<"$moves")"
  fi
  if [ -z "$moves" ] && [ -n "$CANARY" ]; then
    say "The canary was ended meanwhile."
    return
  fi
  if [ -z "$moves" ]; then fail "no function of the pipeline \"$PREFIX\" is deployed in $REGION."; fi
  while IFS=$'\t' read -r name flags words; do
    if [ "$flags" = - ]; then
      say "  $name: $words"
    else
      moved=yes
      start "$WORK/$name.log" move_one "$name" "$flags" "$words"
    fi
  done <<<"$moves"
  finish_all
  if [ "$1" = rollback ] && [ "$moved" = no ]; then fail "no function has a revision to go back to."; fi
}

move_one() { # NAME FLAGS WORDS
  # shellcheck disable=SC2086  # the flags are words
  change run services update-traffic "$(function_name "$1")" "--region=$REGION" $2
  note changed "$1: $3"
}

# release promote|rollback: nothing else is read or changed, so that it takes seconds.
release() {
  if [ "$1" = promote ]; then step promote "Promoting"; else step rollback "Rolling back"; fi
  if [ -z "$PROJECT_ID" ] || [ -z "$REGION" ]; then fail "PROJECT_ID and REGION must be set, in deploy.env or by --project and --region."; fi
  move_traffic "$1"
}
