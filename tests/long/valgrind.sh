#!/usr/bin/env bash
# The unit tests under valgrind: no leak, no use of memory that was not set.   valgrind.sh <sources>
set -euo pipefail
cd "$1"
# js has processes of its own, with limits that valgrind cannot keep.
mapfile -t tests < <(cd tests/unit && find storage net -mindepth 1 -maxdepth 1 -type d | sort | sed 's|/|_|; s|^|unit_|')
cmake --build --preset release --target "${tests[@]}"
# valgrind keeps the limit of descriptors itself: it accepts what is above, closes it, and only then tells the server.
for test in "${tests[@]}"; do
  echo "== $test"
  # Programs under valgrind run on one core, slowly: waits for deadlines get longer.
  valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect --num-callers=30 \
    "build/release/tests/$test" --minimal --test-case-exclude='*without file descriptors left*'
done
