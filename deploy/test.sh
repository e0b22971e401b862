#!/usr/bin/env bash
# The other command for a fresh machine: installs what is missing, builds, runs every test, and ends with ctest's summary.
#
#   deploy/test.sh          all tests: about half an hour on two cores, much less when little has changed
#   deploy/test.sh --all    and the long runs: valgrind, coverage, soak, a minute for each fuzzer, many seeds
#
# What this machine cannot run (mounts, network namespaces) is skipped, counted, and listed with the reason; with CI=true
# it fails instead. TREADMILL_JOBS: how much to do at once (default: one a core).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

all=no
case ${1:-} in
'') ;;
--all) all=yes ;;
*) echo "test: unknown argument $1; known: --all" >&2 && exit 2 ;;
esac
jobs=${TREADMILL_JOBS:-$(nproc)}
no_skip=OFF
[[ ${CI:-} != true ]] || no_skip=ON
# Checkouts in other folders use the same cached objects.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=true
# Two of ctest's processors are a core: see treadmill_entry in cmake/tests.cmake.
export CTEST_PARALLEL_LEVEL=$((2 * jobs)) UBSAN_OPTIONS=print_stacktrace=1
unset TREADMILL_SEED

begin=$(date +%s)

# What took longest: files that were compiled or linked, and tests.
longest_steps() {
  local tree
  {
    for tree in dev release tsan fuzz; do
      # start and end in ms, when in ns, output
      awk -F'\t' -v tree="$tree" -v begin="$begin" \
        'NF >= 4 && $3 / 1e9 >= begin { printf "%7.1f s  build %s: %s\n", ($2 - $1) / 1000, tree, $4 }' "build/$tree/.ninja_log"
    done
    sed -nE 's/^ *[0-9]+\/[0-9]+ Test +#[0-9]+: ([^ ]+) .* +([0-9.]+) sec.*/\2 \1/p' build/test/output.log |
      awk '{ printf "%7.1f s  test %s\n", $1, $2 }'
  } | sort -rn | sed -n 1,10p # head would end sort with SIGPIPE
}

say() { printf '== %4d s: %s\n' "$SECONDS" "$*"; }

build() { # <preset> <target> [<configure arguments>…]
  local preset=$1 target=$2
  shift 2
  say "building $target of preset $preset"
  cmake --preset "$preset" -DTREADMILL_WERROR=ON -DTREADMILL_NO_SKIP=$no_skip \
    -DTREADMILL_PATIENCE=$patience "$@" >build/"$preset".log 2>&1 ||
    { cat build/"$preset".log && exit 1; }
  # Ninja prints a line for each step: only what the compiler says is of interest.
  cmake --build --preset "$preset" --target "$target" -j "$jobs" >build/"$preset".log 2>&1 ||
    { grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)' build/"$preset".log && exit 1; }
}

# ctest over several build trees at once: a folder whose list of tests is theirs, and the long runs.
gather() { # <file> <tree>…
  local file=$1 tree
  shift
  mkdir -p "$(dirname "$file")"
  for tree in "$@"; do echo "subdirs(\"$PWD/build/$tree\")"; done >"$file"
  [[ $all == yes ]] || return 0
  local name
  for name in valgrind coverage seeds soak; do
    echo "add_test(all.$name bash \"$PWD/tests/long/$name.sh\" \"$PWD\")"
    echo "set_tests_properties(all.$name PROPERTIES LABELS suite TIMEOUT 7200 PROCESSORS 4)"
    [[ $no_skip == ON ]] || echo "set_tests_properties(all.$name PROPERTIES SKIP_RETURN_CODE 77)"
  done >>"$file"
}

say "installing what is missing"
deploy/install-deps.sh --test
mkdir -p build
fuzz_seconds=5 patience=1
if [[ $all == yes ]]; then
  fuzz_seconds=60 patience=10
  export TREADMILL_LONG=1 TREADMILL_KILLS=${TREADMILL_KILLS:-1000}
fi
build dev suite
build release suite
build tsan suite
build fuzz suite -DTREADMILL_FUZZ_SECONDS=$fuzz_seconds

gather build/test/CTestTestfile.cmake dev release tsan fuzz
say "running the tests"
status=0
ctest --test-dir build/test -L '^suite$' --no-tests=error --output-on-failure --no-label-summary 2>&1 |
  tee build/test/output.log || status=$?

# The reasons of skips, then ctest's own summary once more, so that it stands at the end.
if grep -q 'Skipped' build/test/output.log; then
  say "skipped, because:"
  grep -h '^SKIPPED: ' build/test/Testing/Temporary/LastTest.log | sort | uniq -c || true
  [[ $no_skip == OFF ]] || status=1
fi
[[ ! -e build/coverage/summary.txt || $all == no ]] || cat build/coverage/summary.txt
say "done; the ten longest steps:"
longest_steps
sed -n '/tests passed, .* tests failed out of/,$p' build/test/output.log
exit "$status"
