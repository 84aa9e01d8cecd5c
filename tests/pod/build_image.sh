#!/bin/sh
# Builds the pod image on a small Debian base with buildah, where no registry can be reached: root, debootstrap, buildah.
# Usage: build_image.sh FOLDER [buildah's own build arguments ...]; the image is localhost/watchdog-pod:test in FOLDER.
# By default with the distribution's Slurm and without vLLM, which takes a minute.
set -eu
folder=$1
shift
here=$(dirname "$(readlink -f "$0")")
export STORAGE_DRIVER=vfs
mkdir -p "$folder"
buildah() { command buildah --root "$folder/store" --runroot "$folder/run" "$@"; }

if [ ! -e "$folder/base/usr/bin/python3" ]; then
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv bookworm "$folder/base"
fi
# Whatever this machine trusts; behind a proxy with a certificate of its own that is more than Debian does.
cp -L /etc/ssl/certs/ca-certificates.crt "$folder/base/etc/ssl/certs/"
printf '#!/bin/sh\nexec sleep infinity\n' >"$folder/base/start.sh"
chmod 755 "$folder/base/start.sh"

container=$(buildah from scratch)
buildah add -q "$container" "$folder/base" /
buildah config --env PIP_CERT=/etc/ssl/certs/ca-certificates.crt "$container"
buildah commit -q --rm "$container" localhost/watchdog-base:test

buildah bud --format docker --isolation chroot --network host --tag localhost/watchdog-pod:test \
    --build-arg BASE=localhost/watchdog-base:test --build-arg PYTHON=/usr/bin/python3 \
    --build-arg SLURM_FROM=distro --build-arg VLLM=no "$@" \
    --file "$here/../../docker/runpod-template/Dockerfile" "$here/../.."
