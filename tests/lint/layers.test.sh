#!/usr/bin/env bash
# Who may include what, read from the #include lines and cmake/rooms.txt. Prints each line that breaks a rule. (The build
# refuses an include of another room's header itself; this finds it without a build, and what a build cannot know.)
#   layers.test.sh <sources>         looks at the sources
#   layers.test.sh --self-test       shows on made-up sources that each rule finds what breaks it
set -euo pipefail

broken=0
report() { # <rule> <lines found>
  [[ -z $2 ]] && return 0
  echo "BROKEN: $1"
  while read -r line; do echo "    $line"; done <<<"$2"
  broken=1
}

# The files of a kind in all rooms, and in the tests.
sources() { # <pattern of names>…
  local pattern
  for pattern in "$@"; do find storage js net actors tests -type f -name "$pattern" 2>/dev/null; done | sort
}

# Reads the table, then "path:line" of each #include, and prints each that the table does not allow.
# shellcheck disable=SC2016 # what is expanded is awk's
rooms_awk='
  function fail(why) { print FILENAME_ ":" text ": " why; }
  function allowed(from, to,    used, n, i) { # from may use to, itself or through what it may use
    if (from == to) return 1
    n = split(uses[from], used, ",")
    for (i = 1; i <= n; ++i) if (used[i] in uses && allowed(used[i], to)) return 1
    return 0
  }
  FNR == NR {
    if ($1 == "library") { shown[$2] = $4; pattern[$2] = $5 }
    if ($1 == "room") { uses[$2] = $3; libraries[$2] = "," $4 "," }
    next
  }
  {
    at = index($0, ":"); FILENAME_ = substr($0, 1, at - 1); text = substr($0, at + 1)
    room = FILENAME_; sub(/\/[^\/]*$/, "", room)
    tests = room ~ /^tests(\/|$)/
    if (!tests && !(room in uses)) { fail("cmake/rooms.txt has no room " room); next }
    name = text; sub(/^[^<"]*[<"]/, "", name); sub(/[>"].*/, "", name)
    if (name ~ /(^|\/)\.\.?\//) fail("a path is given from the top")
    if (text ~ /include *"/) {
      target = name; sub(/\/[^\/]*$/, "", target)
      if (target ~ /^tests(\/|$)/) { if (!tests) fail("no room includes tests") }
      else if (!(target in uses)) fail("no room has this header")
      else {
        if (!tests && !allowed(room, target)) fail(room " may not use " target)
        if (!tests && room != target && (name in heavy)) fail("this header brings " heavy[name] " along: it is for " target " alone")
      }
    } else if (!tests) {
      for (library in pattern)
        if (name ~ "^(" pattern[library] ")") {
          mine = index(libraries[room], "," library ",") > 0
          if (!mine && shown[library] == "PUBLIC") # or through a room that shows it
            for (other in uses) if (allowed(room, other) && index(libraries[other], "," library ",")) mine = 1
          if (!mine) fail(room " may not use " library)
        }
    }
  }
'

includes() { # <names of files on stdin>
  tr '\n' '\0' | xargs -0r grep -HE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]' || true
}

# Headers that bring a library along that no header may show, themselves or through a header of their room: name, library.
heavy() {
  local lines library pattern found more
  lines=$(sources '*.hpp' | grep -v '^tests/' | includes)
  while read -r library pattern; do
    found=$(grep -E "include[[:space:]]*<($pattern)" <<<"$lines" | cut -d: -f1 | sort -u || true)
    while [[ -n $found ]]; do
      more=$(while read -r header; do
        grep -F "\"$header\"" <<<"$lines" | cut -d: -f1 | grep "^${header%/*}/[^/]*$" || true
      done <<<"$found" | cat - <(echo "$found") | sort -u)
      [[ $more != "$found" ]] || break
      found=$more
    done
    [[ -z $found ]] || awk -v library="$library" '{ print $0, library }' <<<"$found"
  done < <(awk '$1 == "library" && $4 == "PRIVATE" && $2 != "sockets" { print $2, $5 }' cmake/rooms.txt)
}

look() {
  local marks
  marks=$(heavy | awk '{ printf "heavy[\"%s\"] = \"%s\"; ", $1, $2 }')
  report "who may use whom (cmake/rooms.txt)" \
    "$(sources '*.hpp' '*.cpp' | includes | awk "BEGIN { $marks } $rooms_awk" cmake/rooms.txt - | sort)"
  report "no using namespace outside of functions" \
    "$(sources '*.?pp' | tr '\n' '\0' | xargs -0r grep -HnE '^using namespace' | grep -v 'literals;' || true)"
  report "no file is a drawer" \
    "$(sources '*.?pp' | grep -E '/([a-z0-9_]+_)?(utils?|utilities|common|helpers?|misc|tools?|stuff)(_[a-z0-9_]+)?\.[a-z.]+$' || true)"
  report "every header has #pragma once first" "$(sources '*.hpp' | while read -r file; do
    [[ $(head -n 1 "$file") == '#pragma once' ]] || echo "$file"
  done)"
}

self_test() {
  local work rules=0 found table file line
  table=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../../cmake/rooms.txt")
  work=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$work'" EXIT
  fresh() {
    rm -rf "${work:?}"/*
    mkdir -p "$work"/{cmake,storage/{base,json,engine},net/{node,http,rest,replication},js/{pool,wire},actors/process,tests/unit}
    cp "$table" "$work/cmake/rooms.txt"
  }
  while read -r file line; do
    fresh
    printf '#pragma once\n%s\n' "$line" >"$work/$file"
    found=$(cd "$work" && broken=0 && look)
    [[ $found == *"$file"* ]] || { echo "not found: $file with $line" && broken=1; }
    rules=$((rules + 1))
  done <<'END'
storage/base/a.cpp #include <caf/all.hpp>
net/rest/a.cpp # include <leveldb/db.h>
storage/json/a.cpp #include <leveldb/db.h>
actors/a.cpp #include <httplib.h>
js/pool/a.cpp #include <v8.h>
net/http/a.cpp #include <spdlog/spdlog.h>
actors/process/a.cpp #include <spdlog/spdlog.h>
actors/a.cpp #include <sys/socket.h>
net/rest/a.cpp #include <sys/socket.h>
storage/base/a.hpp #include "net/http/http.hpp"
storage/base/a.hpp #include "storage/json/json.hpp"
net/http/a.cpp #include "net/node/node_backend.hpp"
net/replication/a.cpp #include "net/rest/console_files.hpp"
net/rest/a.cpp #include "net/replication/replication_link.hpp"
net/rest/a.cpp #include "actors/process/settings.hpp"
actors/a.cpp #include "actors/process/settings.hpp"
js/wire/a.cpp #include "storage/json/json.hpp"
js/wire/a.cpp #include "js/pool/map_pool.hpp"
actors/a.cpp #include "tests/skip.hpp"
net/rest/a.cpp #include "../http/url.hpp"
net/rest/a.cpp #include "url.hpp"
net/a.cpp #include <string>
net/http/a.cpp using namespace std;
net/http/utils.cpp int a;
storage/json/json_helpers.hpp int a;
END
  # Through headers: allowed in their room and in tests, nowhere else.
  fresh
  printf '#pragma once\n#include <leveldb/env.h>\n' >"$work/storage/engine/inner.hpp"
  printf '#pragma once\n#include "storage/engine/inner.hpp"\n' >"$work/storage/engine/outer.hpp"
  for file in storage/engine/a.cpp tests/unit/a.cpp net/rest/a.cpp actors/a.hpp; do
    printf '#pragma once\n#include "storage/engine/outer.hpp"\n' >"$work/$file"
    found=$(cd "$work" && broken=0 && look)
    case $file in
    storage/* | tests/*) [[ -z $found ]] ;;
    *) [[ $found == *"$file"* ]] ;;
    esac || { echo "wrong about a heavy header in $file: $found" && broken=1; }
    rm "$work/$file"
  done
  fresh
  printf '#pragma once\n#include "storage/json/json.hpp"\n#include <caf/all.hpp>\n#include <string>\n' >"$work/actors/process/good.hpp"
  found=$(cd "$work" && broken=0 && look)
  [[ -z $found ]] || { echo "found in good sources: $found" && broken=1; }
  echo "$rules made-up faults looked for"
}

if [[ ${1:-} == --self-test ]]; then
  self_test
else
  cd "$1"
  look
fi
exit "$broken"
