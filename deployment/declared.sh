# shellcheck shell=bash
# The steps that are declared as data (deployment/resources), which `python -m deployment` carries out.

DEPLOYMENT_PYTHON=""

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

# declared STEP: brings the resources of a step of deployment/__main__.py to what is declared.
declared() {
  stop_if_stopped
  find_python
  FULL_RATE="$(full_rate)"
  if ! (
    # shellcheck disable=SC2086,SC2163  # the list is words
    export $SETTINGS PROJECT_NUMBER FULL_RATE WITH_MAIL_EVENTS APIS_ON DRY_RUN CHECK VERBOSE AGAIN PYTHONPATH="$ROOT"
    exec "$DEPLOYMENT_PYTHON" -m deployment "$1" "$WORK"
  ); then
    mark_stop
    exit 1
  fi
}
