#!/usr/bin/env bash
# The dependency arrows of the layers, read from the #include lines: who may include what. Prints each line that breaks one.
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

# The #include lines of the files given by find's arguments, as path:line:text, that match a pattern.
includes() { # <pattern> <find arguments…>
  local pattern=$1
  shift
  find "$@" -type f \( -name '*.hpp' -o -name '*.cpp' \) -print0 |
    xargs -0r grep -HnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($pattern)" || true
}

look() {
  local folders=() folder
  for folder in storage js net actors; do [[ -d $folder ]] && folders+=("$folder"); done
  outside() { # the folders but those given
    local each out=()
    for each in "${folders[@]}"; do [[ " $* " == *" $each "* ]] || out+=("$each"); done
    echo "${out[@]}"
  }
  # shellcheck disable=SC2046 # words on purpose: names of folders
  {
    report "caf/ is included by actors/ alone" "$(includes 'caf/' $(outside actors))"
    report "leveldb/ is included by storage/ alone" "$(includes 'leveldb/' $(outside storage))"
    report "httplib and zmq are included by net/ alone" "$(includes 'httplib|zmq' $(outside net))"
    report "V8 and seccomp are included by js/ alone" "$(includes 'v8|libplatform|seccomp' $(outside js))"
    report "CLI11 and spdlog are included by actors/ alone" "$(includes 'CLI/|spdlog/' $(outside actors))"
    report "sockets belong to net/" "$(includes 'sys/socket|netinet/|arpa/|netdb|sys/epoll' $(outside net js))"
    report "storage/ includes no other layer" "$(includes '(net|js|actors|tests)/' storage)"
    report "net/ includes storage/ alone" "$(includes '(js|actors|tests)/' net)"
    [[ ! -d js ]] || report "js/ stands alone" "$(includes '(storage|net|actors|tests)/' js)"
    report "actors/ includes no tests" "$(includes 'tests/' actors)"
    report "a header that brings LevelDB, RapidJSON, httplib, CLI11 or spdlog along is for its own folder" "$(heavy)"
  }
  report "no using namespace outside of functions" "$(find "${folders[@]}" tests -name '*.?pp' -print0 2>/dev/null |
    xargs -0r grep -HnE '^using namespace' | grep -v 'literals;' || true)"
  report "no file is a drawer" "$(find "${folders[@]}" tests -type f -name '*.?pp' 2>/dev/null |
    grep -E '/([a-z0-9_]+_)?(utils?|utilities|common|helpers?|misc|tools?|stuff)(_[a-z0-9_]+)?\.[a-z.]+$' || true)"
  report "every header has #pragma once first" "$(find "${folders[@]}" tests -name '*.hpp' 2>/dev/null | while read -r file; do
    [[ $(head -n 1 "$file") == '#pragma once' ]] || echo "$file"
  done)"
}

# Headers that bring a heavy library along, themselves or through a header beside them, and are included from another
# folder (tests may).
heavy() {
  local headers=() more header before=-1
  mapfile -t headers < <(includes 'rapidjson/|leveldb/|httplib|zmq|CLI/|spdlog/' "${folders[@]}" |
    sed -n 's/^\([^:]*\.hpp\):.*/\1/p' | sort -u)
  while ((${#headers[@]} != before)); do
    before=${#headers[@]}
    mapfile -t more < <(for header in "${headers[@]}"; do
      includes "$header\"" "${header%/*}" | sed -n 's/^\([^:]*\.hpp\):.*/\1/p'
    done)
    mapfile -t headers < <(printf '%s\n' "${headers[@]}" "${more[@]}" | sed '/^$/d' | sort -u)
  done
  for header in "${headers[@]}"; do
    includes "$header\"" "${folders[@]}" | grep -v "^${header%/*}/" || true
  done
}

self_test() {
  local work rules=0 found
  work=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$work'" EXIT
  local file
  while read -r file line; do
    rm -rf "${work:?}"/*
    mkdir -p "$work"/{storage,net,js,actors,tests}
    printf '#pragma once\n%s\n' "$line" >"$work/$file"
    found=$(cd "$work" && broken=0 && look)
    [[ $found == *"$file"* ]] || { echo "not found: $file with $line" && broken=1; }
    rules=$((rules + 1))
  done <<'END'
storage/a.cpp #include <caf/all.hpp>
net/a.cpp # include <leveldb/db.h>
actors/a.cpp #include <httplib.h>
net/a.cpp #include <v8.h>
net/a.cpp #include <spdlog/spdlog.h>
actors/a.cpp #include <sys/socket.h>
storage/a.hpp #include "net/http.hpp"
net/a.cpp #include "actors/settings.hpp"
js/a.cpp #include "storage/json.hpp"
actors/a.cpp #include "tests/skip.hpp"
net/a.cpp using namespace std;
net/utils.cpp int a;
net/json_helpers.hpp int a;
END
  # Through headers: allowed beside them and in tests, nowhere else.
  rm -rf "${work:?}"/*
  mkdir -p "$work"/{storage,net,js,actors,tests}
  printf '#pragma once\n#include <leveldb/env.h>\n' >"$work/storage/inner.hpp"
  printf '#pragma once\n#include "storage/inner.hpp"\n' >"$work/storage/outer.hpp"
  for file in storage/a.cpp tests/a.cpp net/a.cpp actors/a.hpp; do
    printf '#pragma once\n#include "storage/outer.hpp"\n' >"$work/$file"
    found=$(cd "$work" && look)
    case $file in
    storage/* | tests/*) [[ -z $found ]] ;;
    *) [[ $found == *"$file"* ]] ;;
    esac || { echo "wrong about a heavy header in $file: $found" && broken=1; }
    rm "$work/$file"
  done
  rm -rf "${work:?}"/*
  mkdir -p "$work"/{storage,net,js,actors,tests}
  printf '#pragma once\n#include "storage/json.hpp"\n#include <caf/all.hpp>\n' >"$work/actors/good.hpp"
  found=$(cd "$work" && look)
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
