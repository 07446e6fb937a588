#!/bin/sh
# demo.sh [clean]: a tenant from nothing by the real commands, echoed as they go; `clean` removes all that it made.
set -eu
cd "$(dirname "$0")/../.."
export PATH="$PWD/.venv/bin:$PATH"
TENANT=demo

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then BOLD='\033[1m' PLAIN='\033[0m'; else BOLD='' PLAIN=''; fi
say() { printf '\n%s\n' "$*"; }

# Echo a command as one could type it, then run it.
run() {
    line=
    for word in "$@"; do
        case $word in *[!A-Za-z0-9_./:=@%+,-]*) line="$line '$word'" ;; *) line="$line $word" ;; esac
    done
    printf "\n${BOLD}\$%s${PLAIN}\n" "$line"
    "$@"
}

# The provider's registry is used where it answers; everywhere else the local set is built on the spot.
registry_answers() {
    [ -n "${LOOMA_REGISTRY:-}" ] || return 1
    reference=$(looma image list --edition basic --profile lite --images registry -o json | python -c '
import json, sys
print(next(i["reference"] for i in json.load(sys.stdin)["images"] if "basic/basic-server" in i["needed_by"]))')
    timeout 60 docker pull -q "$reference" >/dev/null 2>&1
}

choose_images() {
    if [ "${LOOMA_IMAGES:-}" = registry ] || registry_answers; then
        export LOOMA_IMAGES=registry
        return
    fi
    export LOOMA_IMAGES=local
    say "No image registry answers for the services: building the local image set (once)."
    sh looma_cli/setup/engine.sh --images
    run looma image build
}

# METHOD PATH [BODY]: by curl where there is one, else by Python's own client.
request() {
    if command -v curl >/dev/null 2>&1; then
        if [ "$1" = POST ]; then run curl -sS --fail-with-body -X POST -H 'Content-Type: application/json' -d "$3" "$URL$2"; else run curl -sS --fail-with-body "$URL$2"; fi
    else
        printf '\n%s %s%s\n' "$1" "$URL" "$2"
        python - "$1" "$URL$2" "${3:-}" <<'PYTHON'
import sys
import urllib.request

method, url, body = sys.argv[1:]
headers = {"Content-Type": "application/json"}
print(urllib.request.urlopen(urllib.request.Request(url, body.encode() or None, headers, method=method), timeout=10).read().decode())
PYTHON
    fi
    echo
}

demo() {
    choose_images
    run looma tenant create $TENANT --edition basic --profile lite
    run looma health $TENANT
    URL=$(looma tenant show $TENANT -o json | python -c 'import json, sys; print(json.load(sys.stdin)["url"])')
    request POST /records '{"key": "greeting", "value": "你好, looma"}'
    request GET /records/greeting
    run looma status
    cat <<NEXT

The tenant is running at $URL. What next:
  .venv/bin/looma tenant show $TENANT         its ports, networks and generations
  .venv/bin/looma tenant logs $TENANT         what its services say
  .venv/bin/looma edition compare basic pro   what the next edition adds
  .venv/bin/looma --help                      everything else
  make demo-clean                             remove all of this again
NEXT
}

# Exit 3 means that there is none; anything else could be one that was not seen.
no_platform() {
    looma core status >/dev/null 2>&1 && return 1
    [ $? = 3 ]
}

# Only what this checkout's home made: looma knows its own by label.
clean() {
    if [ -x .venv/bin/looma ] && [ -f "${LOOMA_HOME:-state}/looma.db" ]; then
        for operation in $(looma operation list --tenant $TENANT -o json 2>/dev/null | python -c '
import json, sys
print(*(o["id"] for o in json.load(sys.stdin).get("operations", [])))'); do
            looma operation rollback "$operation" || run looma operation resume "$operation"
        done
        if looma tenant show $TENANT -o json >/dev/null 2>&1; then
            run looma tenant delete $TENANT --no-backup --yes
        fi
        if no_platform && [ "$(looma tenant list -o json | python -c 'import json, sys; print(len(json.load(sys.stdin)["tenants"]))')" = 0 ]; then
            home=$(looma state path -o json | python -c 'import json, sys; print(json.load(sys.stdin)["home"])')
            rm -rf "$home/looma.db" "$home/looma.db-wal" "$home/looma.db-shm" "$home/secret.key" "$home/stacks"
            say "The demo is gone: containers, volumes, networks and files."
        else
            say "Tenants other than $TENANT, or the platform, live in this home: its state is left."
        fi
    else
        say "There is nothing to remove."
    fi
}

case ${1:-} in
    '') demo ;;
    clean) clean ;;
    *) echo "demo.sh knows no '$1'; usage: demo.sh [clean]" >&2; exit 2 ;;
esac
