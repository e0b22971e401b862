#!/usr/bin/env bash
# clang-tidy, with the list in .clang-tidy, over the sources that the last 15 commits or the working tree changed, and those
# that include what they changed. With TREADMILL_LONG=1, or where there is no history, over every source of the rooms.
#   tidy.test.sh <sources> <build folder>
set -euo pipefail
sources=$(realpath "$1")
build=$(realpath "$2")
work=$(mktemp -d)
output=$work/output
trap 'rm -rf "$work"' EXIT
cd "$sources"
# clang cannot read g++'s precompiled headers.
sed -E 's/ -include [^ ]*cmake_pch\.hxx//g; s/ -(Winvalid-pch|fpch-preprocess)//g' "$build/compile_commands.json" \
  >"$work/compile_commands.json"

# The sources among the files on stdin, and those that include one of them, through whatever header.
includers() {
  local changed more
  changed=$(cat)
  while :; do
    more=$(
      {
        echo "$changed"
        grep -rlE --include='*.?pp' "#include \"($(grep '\.hpp$' <<<"$changed" | paste -sd'|' || true))\"" storage net js actors || true
      } | sort -u
    )
    [[ $more != "$changed" ]] || break
    changed=$more
  done
  grep '\.cpp$' <<<"$changed" || true
}

pattern="^$sources/(storage|net|js|actors)/.*\\.cpp\$"
if [[ -z ${TREADMILL_LONG:-} ]] && git rev-parse -q --verify HEAD~15 >/dev/null 2>&1; then
  files=$(git diff --name-only --diff-filter=d HEAD~15 -- storage net js actors | grep -E '\.(hpp|cpp)$' | sort | includers)
  [[ -n $files ]] || exit 0
  pattern="^$sources/($(paste -sd'|' <<<"${files//./\\.}"))\$"
fi
if run-clang-tidy -p "$work" -j 2 -quiet "$pattern" >"$output" 2>&1; then
  exit 0
fi
# The rest is command lines and counts of suppressed warnings.
sed 's/\x1b\[[0-9;]*m//g' "$output" | grep -vE '^(clang-tidy|[0-9]+ warnings|Suppressed|Use -header-filter)'
exit 1
