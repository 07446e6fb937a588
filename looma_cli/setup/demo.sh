#!/bin/sh
# demo.sh [clean]: a tenant from nothing by the real commands, echoed as they go; `clean` removes what it made, and only that.
#
#   DEMO_TENANT   its name (demo); another one where a different home on the same engine has a demo already
#
# LOOMA_HOME/demo names the tenants that this script made, one a line, from before they are made until they are gone. So an
# interrupted demo goes on when run again, and can be removed at any moment.
set -eu
cd "$(dirname "$0")/../.."
export PATH="$PWD/.venv/bin:$PATH"
TENANT=${DEMO_TENANT:-demo}

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then BOLD='\033[1m' PLAIN='\033[0m'; else BOLD='' PLAIN=''; fi
say() { printf '\n%s\n' "$*"; }

# fail WHAT HINT
fail() {
    echo "demo: $1" >&2
    echo "hint: $2" >&2
    exit 1
}

# Echo a command as one could type it, then run it.
run() {
    line=
    for word in "$@"; do
        case $word in *[!A-Za-z0-9_./:=@%+,-]*) line="$line '$word'" ;; *) line="$line $word" ;; esac
    done
    printf "\n${BOLD}\$%s${PLAIN}\n" "$line"
    "$@"
}

# PROGRAM COMMAND...: what a looma command prints as JSON, as this Python makes lines of `it`.
lines_of() {
    program=$1
    shift
    document=$(looma "$@" -o json) || return
    printf '%s' "$document" | python -c "import json, sys; it = json.load(sys.stdin); $program"
}

# LOOKING COMMAND...: whether it finds what it looks for. Exit 3 means that there is none; anything else is not known, and ends this.
exists() {
    code=0
    looma "$@" >/dev/null 2>&1 || code=$?
    case $code in
        0) return 0 ;;
        3) return 1 ;;
        *) run looma "$@"; exit "$code" ;;
    esac
}

ours() { grep -qsxF -e "$TENANT" "$home/demo"; }

# Before the tenant is made: who is killed meanwhile has still said whose it is. One that is there already is somebody's own.
claim() {
    home=$(lines_of 'print(it["home"])' state path)
    if ours; then return; fi
    if exists tenant show "$TENANT"; then
        say "There is a tenant $TENANT already: it is used, and \`make demo-clean\` will leave it."
    else
        (umask 077 && mkdir -p "$home" && echo "$TENANT" >>"$home/demo")
    fi
}

interrupted() {
    lines_of 'print(*(o["id"] + "/" + o["kind"] for o in it["operations"] if o["status"] in ("interrupted", "paused")))' \
        operation list --tenant "$TENANT"
}

# Exit 1 means that it could not be finished and was put back: there is then nothing in the way.
finish_interrupted() {
    operations=$(interrupted)
    for operation in $operations; do
        run looma operation resume "${operation%%/*}" || [ $? = 1 ]
    done
}

# What is half deleted is deleted; anything else is undone, or finished where it is too late for that.
undo_interrupted() {
    operations=$(interrupted)
    for operation in $operations; do
        case $operation in
            */tenant.delete) run looma operation resume "${operation%%/*}" ;;
            *) run looma operation rollback "${operation%%/*}" || run looma operation resume "${operation%%/*}" ;;
        esac
    done
}

# The provider's registry is used where it answers; everywhere else the local set is built on the spot.
registry_answers() {
    [ -n "${LOOMA_REGISTRY:-}" ] || return 1
    reference=$(lines_of 'print(next(i["reference"] for i in it["images"] if "basic/basic-server" in i["needed_by"]))' \
        image list --edition basic --profile lite --images registry)
    timeout 60 docker pull -q "$reference" >/dev/null 2>&1
}

choose_images() {
    case ${LOOMA_IMAGES:-} in
        registry) return ;;
        local) say "Building the local image set (once)." ;;
        *)
            if registry_answers; then
                export LOOMA_IMAGES=registry
                return
            fi
            say "No image registry answers for the services: building the local image set (once)."
            ;;
    esac
    export LOOMA_IMAGES=local
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
    claim
    choose_images
    if ours; then finish_interrupted; fi
    run looma tenant create "$TENANT" --edition basic --profile lite
    run looma health "$TENANT"
    URL=$(lines_of 'print(it["url"])' tenant show "$TENANT")
    request POST /records '{"key": "greeting", "value": "你好, looma"}'
    request GET /records/greeting
    run looma status
    say "The tenant is running at $URL. What next:"
    next ".venv/bin/looma tenant show $TENANT" "its ports, networks and generations"
    next ".venv/bin/looma tenant logs $TENANT" "what its services say"
    next ".venv/bin/looma edition compare basic pro" "what the next edition adds"
    next ".venv/bin/looma --help" "everything else"
    next "make demo-clean" "remove all of this again"
}

next() { printf '  %-42s %s\n' "$1" "$2"; }

# The state and its key are in this home, no stack is in it, and nobody but the demo ever had one here.
nobody_else() {
    lines_of 'print(it["database"], it["secret_key"])' state path | grep -qxF "sqlite:///$home/looma.db $home/secret.key" &&
        [ -z "$(ls -A "$home/stacks" 2>/dev/null)" ] &&
        [ "$(lines_of 'print(len(it["tenants"]))' tenant list)" = 0 ] &&
        history=$(lines_of 'print(*(o["tenant"] for o in it["operations"]), sep="\n")' operation list --all) &&
        { [ -z "$history" ] || ! printf '%s\n' "$history" | grep -qvxF -f "$home/demo"; }
}

remove_tenant() {
    undo_interrupted
    if exists tenant show "$TENANT"; then run looma tenant delete "$TENANT" --no-backup --yes; fi
}

clean() {
    if ! command -v looma >/dev/null; then
        [ ! -e "${LOOMA_HOME:-state}/demo" ] || fail "looma is not installed here, and a demo may still run" "make install, then make demo-clean"
        say "There is nothing to remove."
        return
    fi
    home=$(lines_of 'print(it["home"])' state path)
    if [ ! -e "$home/demo" ]; then
        say "There is nothing to remove: $home has no demo."
        return
    fi
    for TENANT in $(cat "$home/demo"); do remove_tenant; done
    if nobody_else; then
        rm -rf "$home/looma.db" "$home/looma.db-wal" "$home/looma.db-shm" "$home/secret.key" "$home/stacks"
        said="containers, volumes, networks and files."
    else
        said="containers, volumes and networks. This home has been used for more: its state and key are left."
    fi
    rm "$home/demo"
    rmdir "$home" 2>/dev/null || true
    say "The demo is gone: $said"
    say "Images stay for the next time; docker image ls 'looma/*' lists those built here."
}

case ${1:-} in
    '') demo ;;
    clean) clean ;;
    *) echo "demo.sh knows no '$1'; usage: demo.sh [clean]" >&2; exit 2 ;;
esac
