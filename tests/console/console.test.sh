#!/usr/bin/env bash
# Clicks through the web console of nodes of its own in a headless Chromium, and leaves screenshots.
# usage: console.test.sh TREADMILL PICTURES [<test>…]
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
skip() { echo "SKIPPED: $*" && exit 77; }
command -v chromium >/dev/null || skip "there is no chromium"
command -v chromedriver >/dev/null || skip "there is no chromedriver (Debian's chromium-driver)"
# Debian's own python3, for which its python3-selenium is.
/usr/bin/python3 -c 'import selenium' 2>/dev/null || skip "there is no python3-selenium"
export PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 "$here/console_test.py" "$@"
