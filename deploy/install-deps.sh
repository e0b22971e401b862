#!/usr/bin/env bash
# Installs what Treadmill needs from the packages of Debian 12. Safe to run again; at once done when nothing is missing.
#
#   deploy/install-deps.sh          what the build needs
#   deploy/install-deps.sh --test   also what tests, lint and benchmarks need
#
# V8 comes in the package libnode-dev. Where a nodejs package of another origin keeps apt from installing that, it is
# unpacked into .deps/libnode of this checkout, where CMake finds it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build_packages=(
  g++ cmake ninja-build ccache pkg-config
  libcaf-dev libleveldb-dev libsnappy-dev libcpp-httplib-dev libssl-dev zlib1g-dev libbrotli-dev
  rapidjson-dev libexpected-dev libcli11-dev libspdlog-dev doctest-dev
  libzmq3-dev cppzmq-dev libzstd-dev libseccomp-dev libjemalloc-dev libicu-dev libpcre2-dev
)
test_packages=(
  clang clang-format clang-tidy clang-tools libclang-rt-14-dev
  wrk curl jq valgrind shellcheck iproute2 nftables procps python3 git
  chromium chromium-driver python3-selenium
)
prefix=.deps/libnode

say() { echo "install-deps: $*"; }
fail() {
  echo "install-deps: $*" >&2
  exit 1
}

as_root() {
  if ((EUID == 0)); then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "packages are missing, and installing them needs root: run this script as root once (su -c '$0 $arguments')"
  fi
}

apt() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o=Dpkg::Use-Pty=0 "$@"; }

# Brings the lists of packages, once a run.
updated=no
update() {
  [[ $updated == no ]] || return 0
  say "apt-get update"
  apt update
  updated=yes
}

# The packages among the arguments that are not installed, a line each.
missing() {
  local package state
  declare -A installed=()
  while read -r package state; do
    [[ $state == installed ]] && installed[${package%%:*}]=yes
  done < <(dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null)
  for package in "$@"; do [[ ${installed[$package]:-} ]] || echo "$package"; done
}

# True where apt knows a version of every argument.
known() {
  local package
  for package in "$@"; do
    [[ $(apt-cache policy "$package" 2>/dev/null) =~ Candidate:\ [0-9] ]] || return 1
  done
}

install() {
  local needed=()
  mapfile -t needed < <(missing "$@")
  ((${#needed[@]})) || return 0
  known "${needed[@]}" || update
  say "installing ${needed[*]}"
  # Lists that are too old name versions that are no longer there: then bring new ones and try once more.
  apt install --yes --no-install-recommends "${needed[@]}" >/dev/null || {
    update
    apt install --yes --no-install-recommends "${needed[@]}" >/dev/null
  }
}

# Whether apt can install libnode-dev without removing or replacing a package that is there.
libnode_fits() {
  local plan
  plan=$(apt-get -s -o Debug::NoLocking=1 install --no-install-recommends libnode-dev 2>/dev/null) || return 1
  ! grep -Eq '^(Remv|Inst nodejs \[)' <<<"$plan"
}

# Unpacks libnode-dev and the library below the checkout, and installs the libraries that it needs.
unpack_libnode() {
  local work package needed=()
  work=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$work'" EXIT
  say "another nodejs is installed: unpacking libnode into $prefix"
  (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download libnode-dev libnode108)
  mkdir -p "$work/root"
  for package in "$work"/*.deb; do dpkg-deb --extract "$package" "$work/root"; done
  rm -rf "$work/root/usr/share"
  # "libc6 (>= 2.34), node-acorn, libuv1 (>= 1.38.0) | other": the names of libraries, the first of alternatives.
  # The JavaScript modules among them are for the program node, not for V8.
  mapfile -t needed < <(dpkg-deb --field "$work"/libnode108_*.deb Depends | tr ',' '\n' |
    sed -nE 's/^ *((lib|zlib)[^ |(:]*).*/\1/p')
  install "${needed[@]}"
  mkdir -p "$(dirname "$prefix")"
  rm -rf "$prefix"
  cp -R "$work/root" "$prefix"
}

install_libnode() {
  [[ ! -e $prefix/usr/include/node/v8.h ]] || return 0
  [[ $(missing libnode-dev) ]] || return 0
  known libnode-dev libnode108 || update
  if libnode_fits; then install libnode-dev; else unpack_libnode; fi
}

arguments=$*
case ${1:-} in
'') ;;
--test) build_packages+=("${test_packages[@]}") ;;
*) fail "unknown argument $1; known: --test" ;;
esac
command -v apt-get >/dev/null ||
  fail "this is no Debian: install the packages that are listed at the top of deploy/install-deps.sh by hand"

install "${build_packages[@]}"
install_libnode
