#!/bin/sh
# engine.sh [--images] [--tests] [--check]: make sure that a Docker engine, compose v2 and buildx answer, and restic is there.
#
#   --images   also what building the local image set needs (mmdebstrap)
#   --tests    also what only the tests need (restic for certain, sshd and iproute2)
#   --check    only say what is there or missing; install and start nothing
#   ENGINE=no  the same as --check
#
# Uses the engine that answers, wherever DOCKER_HOST or the docker context points. Otherwise, on Debian and as root, it
# installs Debian's packages and starts the engine, with or without systemd. Safe to run again, and twice at once.
# Exit: 0 all is there; 7 something is missing: one line says what, one line says what to do.
set -eu
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

SETUP_LOG=${LOOMA_SETUP_LOG:-/var/log/looma-setup.log}
ENGINE_LOG=${LOOMA_ENGINE_LOG:-/var/log/dockerd.log}
ENGINE_PID=/var/run/docker.pid
ENGINE_PACKAGES="docker.io docker-cli docker-compose docker-buildx"
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
images=no
tests=no
change=yes
scratch=$(mktemp -d)

say() { echo "engine: $*"; }

# fail WHAT HINT
fail() {
    echo "engine: $1" >&2
    echo "hint: $2" >&2
    exit 7
}

have() { command -v "$1" >/dev/null 2>&1; }
is_root() { [ "$(id -u)" = 0 ]; }
# shellcheck source=/dev/null
is_debian() { have apt-get && [ "$(. /etc/os-release && echo "$ID")" = debian ]; }
# shellcheck source=/dev/null
codename() { (. /etc/os-release && echo "${VERSION_CODENAME:-sid}"); }

# Run a step whose output only matters when it fails: WHAT COMMAND...
logged() {
    what=$1
    shift
    if ! "$@" >>"$SETUP_LOG" 2>&1; then
        tail -n 5 "$SETUP_LOG" >&2
        fail "$what failed (the lines above are the end of $SETUP_LOG)" "mend that and run this again, or install Docker Engine 20.10+ with the compose plugin by hand"
    fi
}

# --- what is there ----------------------------------------------------------------------------------------------------

engine_version() { have docker && timeout 20 docker version --format '{{.Server.Version}}' 2>/dev/null; }
engine_answers() { [ -n "$(engine_version)" ]; }
compose_version() { docker compose version --short 2>/dev/null | sed 's/^v//' | grep -E '^([2-9]|[1-9][0-9])\.'; }
buildx_version() { docker buildx version 2>/dev/null | sed -n 's/^[^ ]* v\{0,1\}\([0-9][^ ]*\).*/\1/p'; }
plugins_missing() {
    compose_version >/dev/null || echo docker-compose
    [ -n "$(buildx_version)" ] || echo docker-buildx
}

# Where another engine than this machine's own is meant, nothing is ever installed in its stead.
foreign_engine() {
    case ${DOCKER_HOST:-} in
        unix:///var/run/docker.sock | unix:///run/docker.sock) return 1 ;;
        ?*) echo "$DOCKER_HOST"; return ;;
    esac
    context=$(have docker && docker context show 2>/dev/null) || return 1
    [ -n "$context" ] && [ "$context" != default ] && echo "docker context $context"
}

may_not_use_socket() { [ -S /var/run/docker.sock ] && ! [ -w /var/run/docker.sock ]; }

# --- apt --------------------------------------------------------------------------------------------------------------

# Other people's broken sources must not stop us: what counts is whether the packages can then be had.
refresh_package_lists() { apt-get update -qq "$@" >>"$SETUP_LOG" 2>&1 || true; }

install_packages() { apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@"; }

has_candidate() { apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'; }

# The Debian mirror this machine itself uses, as apt sees it with these OPTION...; nothing where no lists were ever fetched.
debian_mirror() {
    # shellcheck disable=SC2016
    apt-get "$@" indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $(codename)" 'Component: main' | head -n 1
}

# A state of apt's own kind elsewhere: works without root, and leaves the machine's own lists alone.
private_state() {
    mkdir -p "$scratch/state/lists/partial" "$scratch/cache/archives/partial"
    printf '%s\n' -o "Dir::State=$scratch/state" -o Dir::State::status=/var/lib/dpkg/status -o "Dir::Cache=$scratch/cache" \
        -o "APT::Sandbox::User=$(id -un)"
}

find_mirror() {
    mirror=$(debian_mirror)
    [ -z "$mirror" ] || return 0
    if is_root; then
        refresh_package_lists
        mirror=$(debian_mirror)
    else
        # shellcheck disable=SC2046
        refresh_package_lists $(private_state)
        # shellcheck disable=SC2046
        mirror=$(debian_mirror $(private_state))
    fi
    [ -n "$mirror" ] || fail "apt knows no Debian mirror" "add one to /etc/apt/sources.list.d and run apt-get update"
}

# Compose v2 came to Debian with trixie; a release since then has it itself.
suite_with_compose() {
    case $(codename) in
        bookworm) echo trixie ;;
        buster | bullseye) return 1 ;;
        *) codename ;;
    esac
}

need_suite() {
    suite=$(suite_with_compose) || fail "Debian $(codename) is too old for Debian's packages of compose v2 (libc6 2.34 is needed)" "install Docker Engine with its compose plugin by hand, or upgrade to Debian 12 or later"
    find_mirror
}

source_line() { echo "deb [signed-by=$KEYRING] $mirror $suite main"; }

# Only these four packages may come from the newer suite: everything else keeps its own.
pin_newer_suite() {
    [ "$suite" != "$(codename)" ] || return 0
    source_line >/etc/apt/sources.list.d/looma-engine.list
    cat >/etc/apt/preferences.d/looma-engine <<PIN
Package: *
Pin: release n=$suite
Pin-Priority: -1

Package: $ENGINE_PACKAGES
Pin: release n=$suite
Pin-Priority: 600
PIN
}

# --- the engine -------------------------------------------------------------------------------------------------------

install_engine() {
    need_suite
    say "no engine is installed: installing Debian's $ENGINE_PACKAGES ($suite)"
    pin_newer_suite
    if has_candidate containerd && [ "$suite" != "$(codename)" ]; then
        refresh_package_lists -o Dir::Etc::sourcelist=sources.list.d/looma-engine.list -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0
    else
        refresh_package_lists
    fi
    # shellcheck disable=SC2086
    logged "installing the engine" install_packages $ENGINE_PACKAGES iptables ca-certificates
}

# What Debian's cgroupfs-mount does, for a machine where nobody has mounted them.
mount_cgroups() {
    grep -q ' /sys/fs/cgroup' /proc/mounts && return 0
    if ! grep -q '^[^#].*1$' /proc/cgroups 2>/dev/null; then
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        return
    fi
    mount -t tmpfs -o uid=0,gid=0,mode=0755 cgroup /sys/fs/cgroup
    awk '!/^#/ && $4 == 1 {print $1}' /proc/cgroups | while read -r controller; do
        mkdir -p "/sys/fs/cgroup/$controller"
        mount -n -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller" || rmdir "/sys/fs/cgroup/$controller"
    done
}

# A pid file outlives a killed engine, and its number may by now belong to another process.
engine_process_lives() {
    [ -s "$ENGINE_PID" ] && [ "$(cat "/proc/$(cat "$ENGINE_PID")/comm" 2>/dev/null)" = dockerd ]
}

# shellcheck disable=SC2086
start_without_systemd() {
    mount_cgroups
    engine_process_lives && return 0
    rm -f "$ENGINE_PID"
    # 9>&- : the engine must not inherit, and so hold for ever, the lock of this script
    setsid nohup dockerd --pidfile "$ENGINE_PID" ${DOCKERD_OPTS:-} >>"$ENGINE_LOG" 2>&1 </dev/null 9>&- &
    engine_job=$!
}

engine_has_died() { [ -n "$engine_job" ] && ! kill -0 "$engine_job" 2>/dev/null; }

start_engine() {
    engine_job=
    if [ -d /run/systemd/system ]; then
        say "starting the engine with systemd"
        logged "systemctl enable --now docker" systemctl enable --now docker
    else
        say "starting the engine without systemd (log: $ENGINE_LOG)"
        start_without_systemd
    fi
    tenths=0
    until engine_answers; do
        tenths=$((tenths + 1))
        if [ "$tenths" -gt 300 ] || engine_has_died; then
            tail -n 5 "$ENGINE_LOG" >&2 2>/dev/null || true
            fail "the engine was started but does not answer" "the reason is in $ENGINE_LOG or journalctl -u docker"
        fi
        sleep 0.1
    done
}

refuse_without_engine() {
    if foreign=$(foreign_engine); then
        fail "the engine at $foreign does not answer" "start it, or unset DOCKER_HOST (docker context use default) to use this machine's own"
    fi
    if may_not_use_socket; then
        fail "this user may not use /var/run/docker.sock" "run: sudo usermod -aG docker $(id -un), then log in again"
    fi
    if [ "$change" = no ]; then
        fail "no Docker engine answers, and none may be installed or started (ENGINE=no)" "start one yourself, or run without ENGINE=no"
    fi
    if ! is_root; then
        fail "no Docker engine answers, and only root can start one" "run: sudo sh $0"
    fi
    if ! have dockerd && ! is_debian; then
        fail "no Docker engine is installed, and this is not Debian" "install Docker Engine 20.10 or later with the compose and buildx plugins"
    fi
}

# Somebody may serve it already, and only the command is lacking here.
engine_without_client() {
    ! have docker && { [ -S /var/run/docker.sock ] || [ -n "${DOCKER_HOST:-}" ]; }
}

ensure_engine() {
    ! engine_without_client || install_client
    engine_answers && return 0
    refuse_without_engine
    have dockerd || install_engine
    have docker || install_client
    engine_answers || start_engine
}

install_client() {
    { is_debian && is_root && [ "$change" = yes ]; } || fail "the docker client is not installed" "install it with the compose and buildx plugins"
    say "the docker client is missing: installing it"
    need_suite
    pin_newer_suite
    refresh_package_lists
    logged "installing the client" install_packages docker-cli
}

# --- compose v2 and buildx --------------------------------------------------------------------------------------------

plugin_directory() {
    if is_root; then echo /usr/local/lib/docker/cli-plugins; else echo "${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins"; fi
}

# Only the newer suite, so that it meets none of the troubles of the machine's own sources.
plugin_apt() {
    # shellcheck disable=SC2046
    apt-get -qq $(private_state) -o Dir::Etc::sourcelist="$scratch/sources.list" -o Dir::Etc::sourceparts=- \
        -o Dir::Etc::preferencesparts=- "$@"
}

fetch_plugins() {
    # joined by &&: `set -e` does not hold inside a function whose result is tested
    mkdir -p "$scratch/tree" "$(plugin_directory)" &&
        source_line >"$scratch/sources.list" &&
        plugin_apt update &&
        (cd "$scratch" && plugin_apt download "$@") &&
        find "$scratch" -maxdepth 1 -name '*.deb' -exec dpkg -x {} "$scratch/tree" \; &&
        install -m 755 -t "$(plugin_directory)" "$scratch"/tree/usr/libexec/docker/cli-plugins/*
}

ensure_plugins() {
    missing=$(plugins_missing | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    missing=${missing% }
    [ "$change" = yes ] || fail "the docker client lacks: $missing" "install the plugin, or run without ENGINE=no"
    is_debian || fail "the docker client lacks: $missing" "install the plugin from Docker's or your distribution's packages"
    need_suite
    say "adding to $(plugin_directory): $missing"
    # shellcheck disable=SC2086
    logged "fetching $missing" fetch_plugins $missing
    missing=$(plugins_missing | tr '\n' ' ')
    [ -z "$missing" ] || fail "the docker client still lacks: $missing" "look at: docker info --format '{{.ClientInfo.Plugins}}'"
}

# --- what building the local images needs -----------------------------------------------------------------------------

ensure_image_tools() {
    if have mmdebstrap && is_debian && [ -n "$(debian_mirror)" ]; then return 0; fi
    what="building the local images needs mmdebstrap and the package lists of a Debian mirror"
    is_debian || fail "$what, and this is not Debian" "use images of a registry (--images registry), or load a bundle: looma image load FILE"
    { is_root && [ "$change" = yes ]; } || fail "$what" "run as root: apt-get update && apt-get install -y mmdebstrap"
    find_mirror
    ! have mmdebstrap || return 0
    say "installing mmdebstrap, to build the base image"
    has_candidate mmdebstrap || refresh_package_lists
    logged "installing mmdebstrap" install_packages mmdebstrap
}

# --- backups ----------------------------------------------------------------------------------------------------------

# Everything but backups works without it, so that its lack fails nothing but the tests.
ensure_restic() {
    ! have restic || return 0
    if is_debian && is_root && [ "$change" = yes ]; then
        say "installing restic, for backups"
        has_candidate restic || refresh_package_lists
        ! install_packages restic >>"$SETUP_LOG" 2>&1 || return 0
    fi
    [ "$tests" = no ] || fail "the tests need restic" "run as root: apt-get install restic"
    say "restic is missing, and without it no backup can be taken; as root: apt-get install restic"
}

# Debian's package also starts a server for everybody, at once and at every boot, where systemd runs: not without being asked.
ensure_sshd() {
    ! have sshd || return 0
    if ! is_debian || ! is_root || [ "$change" = no ] || [ -d /run/systemd/system ]; then
        fail "the tests need sshd, which they start for themselves" "run as root: apt-get install openssh-server (with systemd it starts one for everybody, too)"
    fi
    say "installing openssh-server, for the tests of SFTP repositories and remote hosts"
    has_candidate openssh-server || refresh_package_lists
    logged "installing openssh-server" install_packages openssh-server
}

# The hosts that the tests make have links and addresses of their own.
ensure_iproute() {
    ! have ip || return 0
    { is_debian && is_root && [ "$change" = yes ]; } || fail "the tests need the command ip" "run as root: apt-get install iproute2"
    say "installing iproute2, for the tests of remote hosts"
    has_candidate iproute2 || refresh_package_lists
    logged "installing iproute2" install_packages iproute2
}

# --- main -------------------------------------------------------------------------------------------------------------

trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
for argument in "$@"; do
    case $argument in
        --images) images=yes ;;
        --tests) tests=yes ;;
        --check) change=no ;;
        *) echo "usage: engine.sh [--images] [--tests] [--check]" >&2; exit 2 ;;
    esac
done
[ "${ENGINE:-}" != no ] || change=no

# The log and the lock are root's; another user gets ones of their own.
if ! is_root; then
    SETUP_LOG=${LOOMA_SETUP_LOG:-${TMPDIR:-/tmp}/looma-setup-$(id -u).log}
fi
if [ "$change" = yes ] && have flock; then
    exec 9>"${SETUP_LOG}.lock"
    flock 9
fi

ensure_engine
ensure_plugins
[ "$images" = no ] || ensure_image_tools
ensure_restic
[ "$tests" = no ] || ensure_sshd
[ "$tests" = no ] || ensure_iproute
say "engine $(engine_version), compose $(compose_version), buildx $(buildx_version)"
