#!/usr/bin/env bash
# How much of storage/, net/, js/ and actors/ the tests of one tree run, in lines, from gcov; fails where one of the first
# three is below the floor.   coverage.sh <sources> [<floor in percent>]
# Leaves build/coverage/summary.txt.
set -euo pipefail
cd "$1"
floor=${2:-90}
build=build/coverage
cmake --preset coverage >/dev/null
cmake --build --preset coverage --target suite cluster treadmill treadmill-map
find "$build" -name '*.gcda' -delete
ctest --test-dir "$build" -L '^suite$' -j "$(nproc)" --output-on-failure --no-tests=error
# The commands of the executable, which no other test calls.
ctest --test-dir "$build" -R '\.cluster\.(bench|compact|copies|status|verify)$' --output-on-failure --no-tests=error
# gcov prints "File '<path>'" and "Lines executed:<percent>% of <lines>" for each source that an object was made of. Headers
# come up with every object: only the .cpp files count; of one that is in several objects, the one that ran most of it; one that
# no test is linked with has run nothing.
find "$build" -path '*/treadmill_*' -name '*.gcno' -print0 |
  xargs -0 gcov --no-output --relative-only --source-prefix "$PWD" 2>/dev/null |
  awk -v floor="$floor" '
    /^File / { file = $0; gsub(/^File .|.$/, "", file); next }
    /^Lines executed:/ && file ~ /^(storage|net|js|actors)\/.*\.cpp$/ {
      split($0, part, /[:% ]+/)
      if (!(file in lines) || part[3] > percent[file]) { lines[file] = part[5]; percent[file] = part[3] + 0 }
    }
    { file = "" }
    END {
      for (file in lines) {
        printf "%7.1f %%  %5d  %s\n", percent[file], lines[file], file | "sort -k4"
        layer = file; sub(/\/.*/, "", layer)
        all[layer] += lines[file]; run[layer] += percent[file] * lines[file] / 100
      }
      close("sort -k4")
      low = 0
      for (layer in all) {
        printf "%7.1f %%  %5d  %s/ in all\n", 100 * run[layer] / all[layer], all[layer], layer
        if (layer != "actors" && 100 * run[layer] / all[layer] < floor) low = 1
      }
      if (!("storage" in all && "net" in all && "js" in all)) { print "a folder has no line that was counted"; exit 1 }
      printf "the floor of storage/, net/ and js/ is %d %%\n", floor
      exit low
    }' | tee "$build/summary.txt"
