# shellcheck shell=bash disable=SC2154
# What the tests share that do what the README says; sourced by them. A tour is what stands between two marks of it: commands after `$ `,
# each with its answer, where `…` matches anything.
# Who sources it has: the array `replaced`, of texts with what stands for them in this run; `patience`, how often a read is tried; `commands` and `failures`, both 0.

command='' expected=''

replace() { # <text>
  local text=$1 key
  for key in "${!replaced[@]}"; do text=${text//"$key"/${replaced[$key]}}; done
  printf '%s' "$text"
}

# Reads of another node are asked again, up to `patience` times, until what was written has come there.
compare() {
  [[ -n $command ]] || return 0
  local answer pattern
  pattern=${expected//\\/\\\\}
  pattern=${pattern//[/\\[}
  pattern=${pattern//\*/\\*}
  pattern=${pattern//\?/\\?}
  pattern=${pattern//…/*}
  commands=$((commands + 1))
  for _ in $(seq "$patience"); do
    answer=$(bash -c "${command/curl /curl -s }" || true)
    # shellcheck disable=SC2053 # the right side is a pattern
    [[ $answer != $pattern ]] || return 0
    [[ $command != *' -X '* ]] || break
    sleep 0.1
  done
  failures=$((failures + 1))
  printf 'command:  %s\nexpected: %s\nanswer:   %s\n\n' "$command" "$expected" "$answer"
}

tour() { # <mark> <README>
  local line
  while IFS= read -r line; do
    case $line in
      '$ '*)
        compare
        command=$(replace "${line#\$ }")
        expected=
        ;;
      '```'*)
        compare
        command=
        ;;
      *) [[ -z $command ]] || expected+=${expected:+$'\n'}$(replace "$line") ;;
    esac
  done < <(sed -n "/<!-- $1 -->/,/<!-- \/$1 -->/p" "$2")
  compare
  command=
}

# The lines of the first block of code below a heading, without what a # says about them.
block_below() { # <heading> <README>
  awk -v heading="## $1" '$0 == heading { below = 1; next }
    below && /^```/ { if (inside) exit; inside = 1; next }
    inside { sub(/ +#.*/, ""); print }' "$2"
}
