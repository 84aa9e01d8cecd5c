#!/bin/sh
# Makes this process' namespaces look like a container of the image, then becomes its entrypoint.
# Usage: pod_setup.sh FILES REPOSITORY HOSTNAME "MINOR NUMBERS"
set -eu
files=$1 repository=$2 name=$3 minors=$4

mount --make-rprivate /
for folder in /run /etc/slurm /etc/munge /var/lib /var/spool /var/log /srv /opt; do
    mount -t tmpfs -o mode=755 tmpfs "$folder"
done
mkdir -p /run/lock /srv/volume /opt/watchdog /opt/watchdog-app /opt/watchdog-venv/bin /opt/vllm/bin /opt/fake
mount -t tmpfs tmpfs /srv/volume

for file in passwd group hosts; do
    mount --bind "$files/$file" "/etc/$file"
done
mount --bind "$repository/docker/runpod-template" /opt/watchdog
mount --bind "$repository" /opt/watchdog-app
mount --bind "$files" /opt/fake

# The packages of the project's environment for a Python that other users may run too.
site=$(echo "$repository"/.venv/lib/python3.*/site-packages)
mkdir -p "/opt/watchdog-venv/lib/$(basename "$(dirname "$site")")/site-packages"
mount --bind "$site" "/opt/watchdog-venv/lib/$(basename "$(dirname "$site")")/site-packages"
echo "home = /usr/bin" >/opt/watchdog-venv/pyvenv.cfg
ln -s /usr/bin/python3 /opt/watchdog-venv/bin/python
ln -s /usr/bin/python3 /opt/vllm/bin/python
ln -s /opt/fake/vllm /opt/vllm/bin/vllm

# A /dev as in a container: private, with device files for the GPUs that this pod has.
mount -t tmpfs -o mode=755 tmpfs /mnt
for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
    # shellcheck disable=SC2086
    set -- $node
    mknod -m 666 "/mnt/$1" c "$2" "$3"
done
for minor in $minors; do
    mknod -m 666 "/mnt/nvidia$minor" c 1 3
done
mkdir -p /mnt/shm /mnt/pts
ln -s /proc/self/fd /mnt/fd
ln -s /proc/self/fd/1 /mnt/stdout
ln -s /proc/self/fd/2 /mnt/stderr
chmod 1777 /mnt/shm
mount --move /mnt /dev

mount -t tmpfs -o mode=1777 tmpfs /tmp
# No cgroup can be made, as in a container without rights on them.
mount -t sysfs -o ro sysfs /sys
hostname "$name"
ip link set lo up
echo "setup done"
# The network is plugged in from outside; end of file means: go.
cat >/dev/null
# The rights of a container, and no more.
rights=chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod
exec setpriv --bounding-set "-all,+$rights,+audit_write,+setfcap" --inh-caps -all /opt/watchdog/entrypoint.sh
