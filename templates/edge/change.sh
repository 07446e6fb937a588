# change.sh VERB ...: one change of the edge, run inside its container by one exec.
#
#   apply TENANT VERSION PORT MODE   take incoming/TENANT.VERSION (VERSION is DIGEST-RANDOM) as the tenant's route
#   mode TENANT MODE                 serving, suspended, stopped, frozen or moved
#   remove TENANT
#   settle TENANT SECONDS            wait until writes of the tenant that were let through have been answered
#   drain SECONDS                    wait until today's workers of older configurations have ended
#   ready                            wait until nginx has bound its sockets
#
# Exit: 0 done; 3 nginx refused it (its message follows on stdout); 4 a port is taken; 5 nginx did not reload; 6 no such tenant;
# 7 timed out; 8 nginx was killed while it looked at the configuration (out of memory).
set -eu
umask 022
home=/etc/looma/edge
base=${LOOMA_EDGE_BASE:?}
cd "$home"

# Changes follow one another; the kernel drops the lock when this shell ends, however it ends.
lock() {
    exec 9>/run/looma/change.lock
    flock 9
}

workers() { grep -ls '^nginx: worker process' /proc/[0-9]*/cmdline || true; }
retiring() { grep -ls '^nginx: worker process is shutting down' /proc/[0-9]*/cmdline || true; }

# Returns when every worker of now has been told to end, which happens after new ones were started.
reload() {
    before=$(workers)
    read -r master </run/nginx.pid
    kill -HUP "$master"
    [ -n "$before" ] || return 0
    tries=250
    sleep 0.1 # nginx's own pause between the two
    while [ -n "$(grep -Ls 'shutting down' $before)" ]; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.02
    done
}

listening() { # PORT: somebody on this host has it, on whatever address
    grep -qs ": [0-9A-F]*:$(printf '%04X' "$1") [0-9A-F]*:0000 0A " /proc/net/tcp /proc/net/tcp6
}

set_mode() { # TENANT MODE: the new flag stands before an old one goes, so that no request slips through
    [ "$2" = serving ] || : >"modes/$1.$2"
    for mode in suspended stopped frozen moved; do
        [ "$mode" = "$2" ] || [ ! -e "modes/$1.$mode" ] || rm -f "modes/$1.$mode"
    done
}

point() { # TENANT VERSION: the live link leads to that version, by one rename
    ln -sfn "../versions/$1.$2" live.link
    mv -fT live.link "tenants/$1"
}

# The configuration as it would be: the same links, but for one.
check() { # TENANT VERSION
    rm -rf check
    cp -RP tenants check
    ln -sfn "../versions/$1.$2" "check/$1"
    nginx -p "$home/" -e stderr -q -t -c "$base/check.conf" 2>&1
}

forget_retired() { # once no worker of an older configuration is left
    for flag in retired/*; do
        [ ! -e "$flag" ] || [ -n "$(retiring)" ] || rm -f retired/*
        return 0
    done
}

apply() { # TENANT VERSION PORT MODE
    new=incoming/$1.$2
    old=$(readlink "tenants/$1" || true)
    old=${old#../versions/"$1".}
    forget_retired
    if [ "${old%-*}" = "${2%-*}" ] && [ ! -e dirty ]; then
        rm -rf "$new"
        set_mode "$1" "$4"
        return 0
    fi
    if listening "$3" && ! grep -qs ":$3 " "tenants/$1/listen.conf"; then
        rm -rf "$new"
        return 4
    fi
    [ -e /proc/net/if_inet6 ] || sed -i '/\[::\]/d' "$new/listen.conf"
    mv -fT "$new" "versions/$1.$2"
    verdict=0
    check "$1" "$2" || verdict=$?
    if [ $verdict != 0 ]; then
        rm -rf "versions/$1.$2"
        [ $verdict -lt 128 ] && return 3 || return 8
    fi
    switch "$@"
}

switch() { # TENANT VERSION PORT MODE: checked, so that from here on a restart of the container would serve it as well
    [ "$4" = serving ] || set_mode "$1" "$4"
    : >dirty
    point "$1" "$2"
    if ! reload; then
        if [ -n "$old" ]; then point "$1" "$old"; else rm -f "tenants/$1"; fi
        rm -rf "versions/$1.$2"
        return 5
    fi
    rm -f dirty
    [ -z "$old" ] || rm -rf "versions/$1.$old"
    # Whenever the freeze ends: what older workers still have open must never write to where they lead.
    [ -z "$old" ] || [ ! -e "modes/$1.frozen" ] || : >"retired/$1.$old"
    [ "$4" != serving ] || set_mode "$1" serving
}

remove() { # TENANT
    link=$(readlink "tenants/$1" || true)
    if [ -n "$link" ] || [ -e dirty ]; then
        : >dirty
        rm -f "tenants/$1"
        reload || return 5
        rm -f dirty
        [ -z "$link" ] || rm -rf "tenants/$link"
    fi
    set_mode "$1" serving
    find incoming -mindepth 1 -maxdepth 1 -mmin +60 -exec rm -rf {} + # of loomas that were killed
}

mode() { # TENANT MODE
    if [ -L "tenants/$1" ]; then
        set_mode "$1" "$2"
    elif [ "$2" = serving ]; then
        return 6
    fi
}

busy() { # TENANT: a write is under way; the answer of the server in-flight.looma.internal
    port=$(sed -n 's/.*0\.0\.0\.0:\([0-9]*\).*/\1/p' "$base/listen-http.conf")
    url="http://127.0.0.1:$port/in-flight?tenant=$1"
    host="Host: in-flight.looma.internal"
    if command -v curl >/dev/null; then
        answer=$(curl -sS -o /dev/null -w '%{http_code}' -H "$host" "$url" 2>&1) || true
    else
        answer=$(wget -S -O /dev/null --header "$host" "$url" 2>&1) || true
    fi
    case $answer in
    *409*) return 0 ;;
    *200*) return 1 ;;
    *)
        echo "the edge does not count writes: $answer"
        exit 9
        ;;
    esac
}

settle() { # TENANT SECONDS
    sleep 0.01 # a request that has just passed the flag is counted a moment later
    tries=$(($2 * 20))
    while busy "$1"; do
        [ $tries -gt 0 ] || return 7
        tries=$((tries - 1))
        sleep 0.05
    done
}

drain() { # SECONDS
    old=$(retiring)
    [ -n "$old" ] || return 0
    tries=$(($1 * 20))
    while [ -n "$(grep -ls 'shutting down' $old)" ]; do
        [ $tries -gt 0 ] || return 7
        tries=$((tries - 1))
        sleep 0.05
    done
}

ready() {
    tries=20
    until [ -s /run/nginx.pid ]; do
        [ $tries -gt 0 ] || return 7
        tries=$((tries - 1))
        sleep 0.05
    done
}

case $1 in
apply | remove | mode) lock ;;
esac
"$@"
