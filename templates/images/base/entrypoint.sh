# Functions for the entry points of the image set; read with `.`, POSIX sh.

# stop MESSAGE: the container cannot run as it is asked to
stop() {
    echo "entrypoint: $1" >&2
    exit 1
}

# from_file NAME: NAME from the file that NAME_FILE names, as in the official images; both at once is an error
from_file() {
    eval "file=\${$1_FILE:-} value=\${$1:-}"
    [ -n "$file" ] || return 0
    [ -z "$value" ] || stop "both $1 and $1_FILE are set"
    [ -r "$file" ] || stop "$1_FILE: $file is not there, or not readable for $(id -un)"
    value=$(cat "$file")
    export "$1=$value"
    unset "$1_FILE"
}

# continue_as USER DIRECTORY ENTRYPOINT ARGUMENT...: a container that was started as root goes on as USER, who then owns DIRECTORY
continue_as() {
    [ "$(id -u)" = 0 ] || return 0
    user=$1 directory=$2
    shift 2
    [ "$(stat -c %U "$directory")" = "$user" ] || chown -R "$user:$user" "$directory"
    exec setpriv --reuid="$user" --regid="$user" --init-groups --no-new-privs "$@"
}

# must_write DIRECTORY: a volume that was not filled from the image may belong to somebody else
must_write() {
    [ -w "$1" ] || stop "$1 is not writable for $(id -un) ($(id -u)): chown it, or start with user 0 and CHOWN, SETUID and SETGID"
}

# hexadecimal TEXT: its bytes as hex digits, so that no character of it means anything to what reads it
hexadecimal() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }
