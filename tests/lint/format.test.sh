#!/usr/bin/env bash
# Every source is as clang-format writes it.   format.test.sh <sources>   (to repair: format.test.sh <sources> --fix)
set -euo pipefail
cd "$1"
mode=(--dry-run -Werror)
[[ ${2:-} != --fix ]] || mode=(-i)
find actors js net storage tests -type f \( -name '*.hpp' -o -name '*.cpp' \) -print0 2>/dev/null |
  xargs -0r -n 16 -P 2 clang-format --style=file "${mode[@]}"
