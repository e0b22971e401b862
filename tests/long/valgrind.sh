#!/usr/bin/env bash
# The unit tests under valgrind: no leak, no use of memory that was not set.   valgrind.sh <sources>
set -euo pipefail
cd "$1"
cmake --build --preset release --target unit_storage unit_net
# valgrind keeps the limit of descriptors itself: it accepts what is above, closes it, and only then tells the server.
for test in unit_storage unit_net; do
  echo "== $test"
  # Programs under valgrind run on one core, slowly: waits for deadlines get longer.
  valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite,indirect --num-callers=30 \
    "build/release/tests/$test" --minimal --test-case-exclude='*without file descriptors left*'
done
