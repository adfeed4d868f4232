# shellcheck shell=bash
# The steps that are declared as data (deployment/resources), which `python -m deployment` carries out.

DEPLOYMENT_PYTHON=""
STATE_OF_THE_RUN="PROJECT_NUMBER PROJECT_CREATED SOURCES KIND_SECRETS OWNER_SECRETS WITH_MAIL_EVENTS WITH_CONSOLE FIRESTORE_RULES
SMOKE ONLY BOOTSTRAP TEARDOWN APIS_ON DRY_RUN CHECK VERBOSE LOOKS_ONLY STEP AGAIN"

# Sets DEPLOYMENT_PYTHON to a Python that has the packages of requirements-deployment.lock: that of .venv, or another one
# into which somebody has installed them. Where there is none, makes .venv.
find_python() {
  local lock="$ROOT/requirements-deployment.lock" ready
  if [ -n "$DEPLOYMENT_PYTHON" ]; then return; fi
  DEPLOYMENT_PYTHON="$ROOT/.venv/bin/python"
  for ready in "$ROOT/.venv/.ready" "$ROOT/.venv/.deployment"; do if [ "$ready" -nt "$lock" ]; then return; fi; done
  if python3 -c 'import importlib.util as u; exit(not all(map(u.find_spec, ("googleapiclient", "jsonschema", "yaml"))))'; then
    DEPLOYMENT_PYTHON=python3
  elif python3 "$ROOT/virtual_environment.py" "${lock##*/}" >&2; then
    touch "$ROOT/.venv/.deployment"
  else
    fail "the packages of ${lock##*/} could not be installed." "It says above why."
  fi
}

# google_program MODULE ARGUMENT...: a program that calls Google, with the settings and the state of the run in its
# environment.
google_program() {
  local name
  stop_if_stopped
  find_python
  if ! (
    FULL_RATE="$(full_rate)" NEEDS="$(cat "$WORK/needs")" SECRETS_TO_BE="$(cat "$WORK/secrets-to-be" 2>/dev/null)"
    DEPLOYED="" WANTED=""
    for name in $FUNCTIONS; do
      if is_deployed "$name"; then DEPLOYED="$DEPLOYED $name"; fi
      if is_wanted "$name"; then WANTED="$WANTED $name"; fi
    done
    # shellcheck disable=SC2086,SC2163  # the list is words
    export $SETTINGS $STATE_OF_THE_RUN FULL_RATE NEEDS SECRETS_TO_BE DEPLOYED WANTED PYTHONPATH="$ROOT"
    exec "$DEPLOYMENT_PYTHON" -m "$@"
  ); then
    mark_stop
    exit 1
  fi
}

# declared STEP: brings the resources of a step of deployment/__main__.py to what is declared.
declared() { google_program deployment "$1" "$WORK"; }

# schedule pause|set-up|resume|run: the job that calls the dispatcher.
schedule() { google_program deployment.schedule "$1" "$WORK"; }
