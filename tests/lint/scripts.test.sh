#!/usr/bin/env bash
# Every shell script passes shellcheck, and those that are called by name are executable.   scripts.test.sh <sources>
set -euo pipefail
cd "$1"
find deploy tests .ci -type f -print0 | while IFS= read -r -d '' file; do
  if head -c 32 "$file" | grep -q '^#!.*sh'; then printf '%s\0' "$file"; fi
done | xargs -0r shellcheck
for file in deploy/*.sh .ci/run; do
  [[ -x $file ]] || { echo "$file is not executable" && exit 1; }
done
