#!/bin/sh
# First process of a pod: tini reaps what daemons leave behind and passes signals on, the rest is Python.
set -eu
umask 022
cd /opt/watchdog
exec tini -- python3 -B -m pod "$@"
