# shellcheck shell=bash
# Reading a gcloud flags file, for what is compared with the service or told to the functions. gcloud reads it itself.
# https://cloud.google.com/sdk/gcloud/reference/topic/flags-file

# The names of the flags in a file, a line each.
flags_in() { sed -n 's/^\(--[a-z-]*\):.*/\1/p' "$1"; }

# flag_in FILE FLAG: the flag's value, without quotes; nothing if the file does not have it.
flag_in() {
  sed -n -e "/^$2:/{" -e "s/^$2:[[:space:]]*//" -e 's/[[:space:]][[:space:]]*#.*$//' -e 's/[[:space:]]*$//' \
    -e 's/^"\(.*\)"$/\1/' -e "s/^'\\(.*\\)'\$/\\1/" -e h -e '}' -e '${' -e x -e p -e '}' "$1"
}
