#!/bin/sh
# build.sh REFERENCE [KEY=VALUE...]: make the Debian base image without any image registry, with the labels given.
#
# In the environment (looma reads them from the machine's own apt):
#   SUITE            Debian release, for instance bookworm
#   MIRROR           a mirror of it; SECURITY_MIRROR (may be empty): the one of its security updates
#   APT_SETTINGS     file of further apt settings that this network needs (proxy, date checks); may be empty
# The mirror is used here and not kept: the image has no package source of its own.
set -eu
reference=$1
shift
here=$(cd "$(dirname "$0")" && pwd)

# A tmpfs makes this a third faster; a small one (64 MB in a container) would not hold the tree.
if [ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)" -gt 1000000 ] 2>/dev/null; then TMPDIR=/dev/shm; fi
scratch=$(mktemp -d -p "${TMPDIR:-/tmp}")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

sources="deb $MIRROR $SUITE main"
if [ -n "${SECURITY_MIRROR:-}" ]; then
    sources="$sources
deb $SECURITY_MIRROR $SUITE-security main"
fi
printf '%s\n' "$sources" >"$scratch/sources.list"
cp "$APT_SETTINGS" "$scratch/settings.conf"

TMPDIR=$scratch mmdebstrap --quiet --variant=apt --include=busybox \
    --aptopt="$scratch/settings.conf" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    --aptopt='Dir::Cache::pkgcache ""' --aptopt='Dir::Cache::srcpkgcache ""' \
    --dpkgopt=force-unsafe-io --dpkgopt=force-confold \
    --customize-hook="sh $here/trim.sh \"\$1\" $here" \
    "$SUITE" "$scratch/base.tar" "$scratch/sources.list"

# docker import takes its labels as one Dockerfile line each
set -- "$@" --
while [ "$1" != -- ]; do
    set -- "$@" --change "LABEL ${1%%=*}=\"${1#*=}\""
    shift
done
shift
docker import --change 'ENV LANG=C.UTF-8' --change 'CMD ["bash"]' "$@" "$scratch/base.tar" "$reference"
