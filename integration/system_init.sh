#!/bin/sh
# Boots systemd in a Debian root (integration/system.py), in namespaces of its own: mounts,
# processes, control groups, names; the network is the caller's. The root is written to
# through an overlay in memory, and all that is gone with the process.
#
#     system_init.sh ROOT FOLDER    FOLDER is an empty one, seen as /mnt inside
set -e
PATH=/usr/sbin:/usr/bin:/sbin:/bin

if [ "$3" != inside ]; then
    mount --make-rprivate /
    groups=$2/groups
    mkdir "$groups"
    mount -t cgroup2 cgroup2 "$groups"
    group=$groups/evpnd-$$
    mkdir "$group"
    echo $$ >"$group/cgroup.procs"
    setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --uts --ipc --cgroup \
        sh "$0" "$1" "$2" inside || true
    echo $$ >"$groups/cgroup.procs"
    find "$group" -depth -type d -exec rmdir {} +
    exit
fi

layers=$2/layers
mkdir "$layers"
mount -t tmpfs tmpfs "$layers"
root=$layers/root
mkdir "$layers/upper" "$layers/work" "$root"
mount -t overlay overlay \
    -o "lowerdir=$1,upperdir=$layers/upper,workdir=$layers/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for each in null zero full random urandom tty; do
    touch "$root/dev/$each"
    mount --bind "/dev/$each" "$root/dev/$each"
done
mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount --bind "$2" "$root/mnt"
hostname packages
mkdir "$root/.old"
cd "$root"
pivot_root . .old
exec env -i container=evpnd PATH="$PATH" chroot . /bin/sh -c '
    umount -l /.old
    rmdir /.old
    exec /lib/systemd/systemd systemd.unit=multi-user.target </dev/null'
