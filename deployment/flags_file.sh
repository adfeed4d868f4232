# shellcheck shell=bash
# Reading a gcloud flags file, for what is compared with the service or told to the functions. gcloud reads it itself.
# https://cloud.google.com/sdk/gcloud/reference/topic/flags-file

# flags_in FILE: the flags, a line each: the name, a tab, and the value without quotes.
flags_in() {
  sed -n -e '/^--[a-z-]*:/!d' -e 's/[[:space:]][[:space:]]*#.*$//' -e 's/[[:space:]]*$//' \
    -e "s/^\(--[a-z-]*\):[[:space:]]*/\1$TAB/" -e "s/$TAB\"\(.*\)\"\$/$TAB\1/" -e "s/$TAB'\(.*\)'\$/$TAB\1/" -e p "$1"
}
TAB=$'\t'

# flag_in FILE FLAG: the flag's value; nothing if the file does not have it.
flag_in() {
  local flag value found=""
  while IFS=$'\t' read -r flag value; do if [ "$flag" = "$2" ]; then found="$value"; fi; done < <(flags_in "$1")
  printf '%s' "$found"
}
