#!/bin/sh
# host.sh DIRECTORY HIDDEN NAME: make what is mounted look like a machine of its own. Runs once, in the namespaces of a new host.
set -eu
directory=$1 hidden=$2 name=$3

hostname "$name"

# /sys shows the network of whoever mounted it, and a new one lacks the cgroups: they are carried over.
mount -t tmpfs tmpfs /mnt
mkdir /mnt/cgroup
mount --rbind /sys/fs/cgroup /mnt/cgroup
mount -t sysfs sysfs /sys
mount --rbind /mnt/cgroup /sys/fs/cgroup
umount -l /mnt

[ -d /var/lib/docker ] || mkdir -p /var/lib/docker
mount --bind "$directory/docker" /var/lib/docker

# Its own sockets and locks, and none of the files of whoever operates it.
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/sshd /run/lock /run/rig/bin
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=0700 tmpfs /root
if [ -d "$hidden" ]; then # else it lies below what is hidden already
    mount -t tmpfs -o mode=0755 tmpfs "$hidden"
fi
