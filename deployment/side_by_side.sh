# shellcheck shell=bash
# Runs commands side by side: each in a process group of its own, so that an interrupted script leaves none behind, and
# with its output kept together.

RUNNING=()
OUTPUTS=()

# start OUTPUT COMMAND...: runs the function or command in the background, its output goes to the file.
start() {
  local output="$1"
  shift
  set -m
  ("$@") >"$output" 2>&1 </dev/null &
  set +m
  RUNNING+=("$!")
  OUTPUTS+=("$output")
}

# Waits for all started commands and prints their output, one after the other. Stops the script if one failed.
finish_all() {
  local index failed=no
  for index in "${!RUNNING[@]}"; do
    if wait "${RUNNING[$index]}"; then
      cat "${OUTPUTS[$index]}"
    else
      failed=yes
      cat "${OUTPUTS[$index]}" >&2
    fi
  done
  RUNNING=()
  OUTPUTS=()
  if [ "$failed" = yes ]; then exit 1; fi
}

end_all() {
  local process
  for process in $(jobs -p); do kill -- "-$process" 2>/dev/null || true; done
  # A file that one of them makes in its last moment would keep the folder of the run from being removed.
  wait 2>/dev/null || true
}
