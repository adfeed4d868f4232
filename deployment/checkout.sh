# shellcheck shell=bash
# What is deployed is a commit: the staged folders have only files that git tracks, and their labels name the commit, so
# that ./reports version can say what runs.

# What a deployment is made of, from the folder that this script is in.
DEPLOYED_FROM="functions report_kit kinds operations deployment deploy.sh queue.yaml scheduler.yaml"
COMMIT=""
VERSION=""

does_stage() { does functions || [ "$WITH_CONSOLE" = yes ]; }

# A line if the checkout is not a clean commit. Sets COMMIT and VERSION.
wrong_checkout() {
  local changes
  if ! does_stage; then return; fi
  if ! COMMIT="$(git -C "$ROOT" rev-parse HEAD 2>"$WORK/git")"; then
    echo "What is deployed is what git tracks, and here is no commit: clone the repository with git. Git says: $(tr '\n' ' ' <"$WORK/git")"
    return
  fi
  VERSION="$(sed -n 's/^version = "\(.*\)"/\1/p' "$ROOT/pyproject.toml" | head -n 1)"
  # shellcheck disable=SC2086  # the list is words
  changes="$(git -C "$ROOT" status --porcelain --untracked-files=all -- $DEPLOYED_FROM)"
  if [ -z "$changes" ]; then return; fi
  COMMIT="$COMMIT-dirty"
  if [ "$DIRTY" = no ]; then
    echo "The checkout is no clean commit: $(cut -c 4- <<<"$changes" | head -n 5 | paste -s -d ' ' -). Commit the changes, or deploy them with --dirty, which leaves out what git does not track (git add FILE has it tracked)."
  fi
}

# labels HASH: of a function or service, as --update-labels takes them. Only the hash is compared with what runs: a commit
# that changes nothing of a function does not deploy it again. A label's value has at most 63 small letters, digits, _ and -.
labels() { echo "source-hash=$1,commit=$COMMIT,version=$(tr 'A-Z.+' 'a-z--' <<<"$VERSION")"; }
