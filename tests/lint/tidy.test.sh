#!/usr/bin/env bash
# clang-tidy, with the list in .clang-tidy, over every source of the layers that the build tree compiles.
#   tidy.test.sh <sources> <build folder>
set -euo pipefail
sources=$(realpath "$1")
build=$(realpath "$2")
output=$(mktemp)
trap 'rm -f "$output"' EXIT
cd "$sources"
if run-clang-tidy -p "$build" -j 2 -quiet "^$sources/(storage|net|js|actors)/[^/]*\.cpp\$" >"$output" 2>&1; then
  exit 0
fi
# The rest is command lines and counts of suppressed warnings.
sed 's/\x1b\[[0-9;]*m//g' "$output" | grep -vE '^(clang-tidy|[0-9]+ warnings|Suppressed|Use -header-filter)'
exit 1
