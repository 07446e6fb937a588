#!/bin/sh
# trim.sh ROOT HERE: what every image of the set gets (package scripts, wget, entrypoint functions) and does without.
set -eu
root=$1
here=$2

install -m 755 -t "$root/usr/local/sbin" "$here/install-packages" "$here/unpack-packages" "$here/fetch-from-pool"
install -D -m 644 -t "$root/usr/local/lib/looma" "$here/apt.sh" "$here/entrypoint.sh"
# health checks ask over HTTP with it, as they do in the official Alpine images
ln -s /bin/busybox "$root/usr/local/bin/wget"
# packages must not start their servers while an image is built
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"

# a tmpfs mounted here takes this mode: servers that are not root put their sockets into it
chmod 1777 "$root/run"

# nothing here needs to become root
find "$root/usr" "$root/bin" "$root/sbin" -xdev -type f -perm /6000 -exec chmod a-s {} +
find "$root/usr/share/doc" ! -type d ! -name copyright -delete
find "$root/usr/share/doc" -type d -empty -delete
rm -rf "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/locale/*
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root"/var/cache/debconf/*-old
# of the machine that built it: its mirror, name, resolver and apt settings
rm -f "$root"/etc/apt/sources.list "$root"/etc/apt/sources.list.d/* "$root"/etc/hostname "$root"/etc/resolv.conf "$root"/etc/apt/apt.conf.d/99mmdebstrap
printf 'APT::Install-Recommends "false";\nAcquire::Languages "none";\nDir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n' \
    >"$root/etc/apt/apt.conf.d/90looma"
