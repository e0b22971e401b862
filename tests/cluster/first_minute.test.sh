#!/usr/bin/env bash
# Does what the README tells a newcomer to do, to the letter: in a clean clone of the last commit, with nothing built, its first command, then the
# tour against the node of that command; then the line "By hand", and the five commands of its federation, with their tour.
# In a network of its own, so that the ports of the README are free and belong to nobody else.
# usage: first_minute.test.sh SOURCE
set -euo pipefail
skip() { echo "SKIPPED: $*" && exit 77; }

if [[ ${TREADMILL_OWN_NETWORK:-} != yes ]]; then
  git -c safe.directory='*' -C "$1" rev-parse --verify --quiet HEAD >/dev/null || skip "the checkout has no commit to clone"
  export TREADMILL_OWN_NETWORK=yes
  for as in --net '--net --user --map-root-user'; do
    # shellcheck disable=SC2086 # words
    if unshare $as ip link set lo up 2>/dev/null; then exec unshare $as bash "${BASH_SOURCE[0]}" "$@"; fi
  done
  skip "no network of its own (network namespaces are not allowed)"
fi
ip link set lo up
# shellcheck disable=SC2034 # readme.sh uses it
declare -A replaced=() # nothing: to the letter
export patience=1
commands=0 failures=0
# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/readme.sh"

work=$(mktemp -d)
clone=$work/treadmill readme=$work/treadmill/README.md
started=()
cleanup() {
  local node
  for node in "${started[@]}"; do kill -9 "$node" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT
fail() { echo "first minute: $*" && exit 1; }
say() { printf '== %4d s: %s\n' "$SECONDS" "$*"; }

# What this checkout has compiled need not be compiled again: with the same flags, and as if the clone lay in the same place.
export CCACHE_BASEDIR=$clone CCACHE_NOHASHDIR=true TREADMILL_WERROR=ON
git -c safe.directory='*' clone --quiet --no-hardlinks "$1" "$clone"
# Where Debian's libnode could not be installed, install-deps.sh has unpacked it there: that needs a network.
[[ ! -d $1/.deps ]] || ln -s "$(realpath "$1/.deps")" "$clone/.deps"
cd "$clone"

# A command of the README in the background, as it would stand in a terminal of its own.
in_terminal() { # <log> <command>
  bash -c "$2" >"$work/$1.log" 2>&1 &
  started+=($!)
}
# Until the node answers there, or its command has ended.
wait_ready() { # <log> <address>
  while ! curl -s -f -o "$work/answer" --max-time 5 "http://$2/_system/ready"; do
    kill -0 "${started[-1]}" 2>/dev/null || { cat "$work/$1.log" && fail "$1 has ended"; }
    sleep 0.1
  done
}
end_nodes() {
  local node
  for node in "${started[@]}"; do
    kill "$node"
    wait "$node" || fail "a node did not end cleanly"
  done
  started=()
}

mapfile -t two < <(block_below 'Two commands' "$readme")
((${#two[@]} == 2)) || fail "'Two commands' has ${#two[@]}"
[[ ${two[1]} == deploy/test.sh && -x deploy/test.sh ]] || fail "the second command is not the one that runs this test"

say "${two[0]}"
in_terminal first "${two[0]}"
wait_ready first 127.0.0.1:1444
say "the tour"
tour tour "$readme"
((commands >= 12)) || fail "the tour has $commands commands"
[[ -e data/NODE-LOCK ]] || fail "the data is not in ./data"
end_nodes

say "by hand"
# shellcheck disable=SC2016 # backticks of the README
by_hand=$(sed -n 's/^By hand: `\([^`]*\)`, then `\([^`]*\)`.*/\1\n\2/p' "$readme")
[[ $(wc -l <<<"$by_hand") == 2 ]] || fail "the line 'By hand' has not two commands"
bash -c "${by_hand%$'\n'*}" >"$work/build.log" 2>&1 || { cat "$work/build.log" && fail "by hand it does not build"; }
in_terminal by_hand "${by_hand#*$'\n'}"
wait_ready by_hand 127.0.0.1:1444
end_nodes

say "two nodes"
mapfile -t five < <(block_below Federation "$readme")
((${#five[@]} == 5)) || fail "the federation has ${#five[@]} commands"
bash -c "${five[0]}" >"$work/build.log" 2>&1 || { cat "$work/build.log" && fail "the first of five commands failed"; }
in_terminal box1 "${five[1]}"
wait_ready box1 127.0.0.1:1441
in_terminal box2 "${five[2]}"
wait_ready box2 127.0.0.1:1442
bash -c "${five[3]/curl /curl -s -f }" || fail "the two are not federated"
bash -c "${five[4]/curl /curl -s -f }" || fail "the peers are not shown"
patience=100
tour 'federation tour' "$readme"
end_nodes

say "$commands commands with answers, $failures differ"
((failures == 0))
