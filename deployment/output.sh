# shellcheck shell=bash
# Prints for the operator: progress, warnings, the reason for a stop, and a summary at the end.

STEP=""

say() { printf '%s\n' "$*"; }
warn() { printf 'Warning: %s\n' "$*" >&2; }
# warn_last TEXT LINE...: a warning for the end, where it is not missed.
warn_last() {
  printf 'Warning: %s\n' "$1" >>"$WORK/warnings"
  shift
  if [ $# -gt 0 ]; then printf '  %s\n' "$@" >>"$WORK/warnings"; fi
}
# planned TEXT: a command that a dry run leaves out. --check names only what differs.
planned() { if [ "$CHECK" = no ]; then say "    $1"; fi; }
# differs_by_hand TEXT LINE...: what the script leaves as it is, though it is not as it should be.
differs_by_hand() {
  printf '%s\n' "$1" >>"$WORK/by-hand"
  warn_last "$@"
}
# differ WHAT FIELD...: which fields of a resource differ, for --check and --verbose.
differ() { if [ "$CHECK" = yes ]; then printf '    differs in %s: %s\n' "$1" "${*:2}"; else detail "differs in $1:" "${@:2}"; fi; }
# detail WHAT WORD...: only with --verbose, on standard error.
detail() { if [ "$VERBOSE" = yes ]; then printf '    %s %s\n' "$1" "$(quote "${@:2}")" >&2; fi; }

# A stop is one for the whole script. Bash goes on after an exit in $( ), in <( ) and in a pipeline, depending on where
# they stand, and then has an empty answer in its hands. So a stop leaves a mark, and what reads, compares, changes or
# reports looks for it first.
mark_stop() { : >"$WORK/stopped"; }
has_stopped() { [ -e "$WORK/stopped" ]; }
stop_if_stopped() { if has_stopped; then exit 1; fi; }

# Ends the script: prints what is wrong, and a line for each thing to do about it.
fail() {
  mark_stop
  printf '\nStopped%s: %s\n' "${STEP:+ in step \"$STEP\"}" "$1" >&2
  shift
  local line
  for line in "$@"; do printf '  %s\n' "$line" >&2; done
  exit 1
}

step() {
  stop_if_stopped
  STEP="$1"
  say "$2"
}

# note created|changed|unchanged|removed WHAT: a line of the summary. In files, since functions deploy side by side.
note() {
  local verb="$1"
  stop_if_stopped
  if [ "$LOOKS_ONLY" = yes ] && [ "$verb" != unchanged ]; then
    leave "$@"
    if [ "$DRY_RUN" = no ]; then return; fi
  fi
  shift
  printf '%s\n' "$*" >>"$WORK/$verb"
  case "$verb" in
    unchanged) if [ "$VERBOSE" = yes ]; then printf '    as it should be: %s\n' "$*" >&2; fi ;;
    *) say "  ${PLANNED}$verb: $*" ;;
  esac
}

count_of() { if [ -f "$WORK/$1" ]; then wc -l <"$WORK/$1" | tr -d ' '; else echo 0; fi; }

# has_line TEXT LINE
has_line() {
  case $'\n'"$1"$'\n' in
    *$'\n'"$2"$'\n'*) return 0 ;;
    *) return 1 ;;
  esac
}

# quote ARGUMENT...: a command line that can be pasted into a shell.
quote() {
  local argument line=""
  for argument in "$@"; do
    case "$argument" in
      "" | *[!A-Za-z0-9_@%+=:,./~-]*) line="$line '${argument//\'/\'\\\'\'}'" ;;
      *) line="$line $argument" ;;
    esac
  done
  printf '%s' "${line# }"
}
