#!/bin/sh
# The first process of the guest (integration/guest.py): puts a throw-away overlay over
# the read-only root, runs the job, writes its exit status, and powers off.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

mount -t proc proc /proc
modules=/usr/lib/uml/modules/$(uname -r)
insmod "$modules/kernel/fs/overlayfs/overlay.ko" 2>/dev/null ||
    insmod "$modules/kernel/fs/overlayfs/overlay.ko.xz"
mount -t tmpfs -o size=75% tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay overlay \
    -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/root || busybox poweroff -f
cd /mnt/root || busybox poweroff -f
mkdir old
pivot_root . old
cd /

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
for each in /dev/shm /run /tmp; do
    mount -t tmpfs tmpfs "$each"
done
mkdir -p /run/netns /run/lock /run/frr
chown frr:frr /run/frr
ln -sf /proc/self/fd /dev/fd
rm -rf /lib/modules
ln -s /usr/lib/uml/modules /lib/modules
echo /sbin/modprobe >/proc/sys/kernel/modprobe
modprobe -a ipv6 tun 2>/dev/null
ip link set lo up
hostname guest

mount -t hostfs none /bed/job -o hostfs=/bed/job
mount -t hostfs none /bed/pycache -o hostfs=/bed/pycache
# CHECKOUT and ENVIRONMENT, two paths, and SECONDS that the command may take.
. /bed/job/settings
mkdir -p "$CHECKOUT"
mount -t hostfs none "$CHECKOUT" -o ro,hostfs=/bed/checkout
for each in "$ENVIRONMENT"/lib/python3*/site-packages; do
    echo "$CHECKOUT" >"$each/checkout.pth"
done
printf '#!%s/bin/python\nimport sys\nfrom evpnd.cli.main import main\nsys.exit(main())\n' \
    "$ENVIRONMENT" >"$ENVIRONMENT/bin/evpnd"
chmod 755 "$ENVIRONMENT/bin/evpnd"

PATH=$ENVIRONMENT/bin:$PATH
export HOME=/root PYTHONPYCACHEPREFIX=/bed/pycache
cd "$CHECKOUT" || busybox poweroff -f
timeout -k 5 "$SECONDS" sh /bed/job/command </dev/null >>/bed/job/output 2>&1
echo $? >/bed/job/status
sync
busybox poweroff -f
