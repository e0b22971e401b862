#!/usr/bin/env bash
# How much of storage/, net/ and actors/ the tests of one tree run, in lines, from gcov; fails below the floor.
#   coverage.sh <sources> [<floor in percent>]
# Leaves build/coverage/summary.txt.
set -euo pipefail
cd "$1"
floor=${2:-85}
build=build/coverage
cmake --preset coverage >/dev/null
cmake --build --preset coverage --target suite
find "$build" -name '*.gcda' -delete
ctest --test-dir "$build" -L '^suite$' -j "$(nproc)" --output-on-failure --no-tests=error
# gcov prints "File '<path>'" and "Lines executed:<percent>% of <lines>" for each source that an object was made of. Headers
# come up with every object: only the .cpp files count, each of which is in one library.
find "$build" -path '*/treadmill_*' -name '*.gcda' -print0 |
  xargs -0 gcov --no-output --relative-only --source-prefix "$PWD" 2>/dev/null |
  awk -v floor="$floor" '
    /^File / { file = $0; gsub(/^File .|.$/, "", file); next }
    /^Lines executed:/ && file ~ /^(storage|net|actors)\/[^\/]*\.cpp$/ {
      split($0, part, /[:% ]+/)
      layer = file; sub(/\/.*/, "", layer)
      lines = part[5]; hit = part[3] * lines / 100
      if (!(file in seen)) { seen[file] = 1; all[layer] += lines; run[layer] += hit; total += lines; ran += hit
        printf "%7.1f %%  %5d  %s\n", part[3], lines, file }
    }
    { file = "" }
    END {
      for (layer in all) printf "%7.1f %%  %5d  %s/ in all\n", 100 * run[layer] / all[layer], all[layer], layer
      if (total == 0) { print "no line was counted"; exit 1 }
      printf "%7.1f %%  %5d  lines in all; the floor is %d %%\n", 100 * ran / total, total, floor
      exit 100 * ran / total < floor
    }' | tee "$build/summary.txt"
