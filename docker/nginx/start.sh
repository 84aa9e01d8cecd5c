#!/bin/sh
# Fills the templates in with settings from the environment and becomes nginx.
set -eu

conf=${CONF:-/etc/watchdog}
export RUN="${RUN:-/tmp/nginx}" HTPASSWD="${HTPASSWD:-$conf/htpasswd}" CERTIFICATES="${CERTIFICATES:-$conf/tls}"
export BIND="${BIND:-}" PORT="${PORT:-8080}" HEALTH_PORT="${HEALTH_PORT:-8081}"
export APP_PORT="${APP_PORT:-8501}" PROMETHEUS_PORT="${PROMETHEUS_PORT:-9090}"
export GRAFANA_PORT="${GRAFANA_PORT:-3001}" ALERTMANAGER_PORT="${ALERTMANAGER_PORT:-9093}"
export SIGN_IN="${SIGN_IN:-basic}" TRANSPORT="${TRANSPORT:-plain}" OAUTH2_PROXY="${OAUTH2_PROXY:-127.0.0.1:4180}"
: "${APP:?}" "${PROMETHEUS:?}" "${GRAFANA:?}" "${ALERTMANAGER:?}"
if [ "${#PROXY_SECRET}" -lt 16 ]; then
    echo "PROXY_SECRET is shorter than 16 characters" >&2
    exit 2
fi

# Only these: nginx has variables of its own.
# shellcheck disable=SC2016
names='$RUN $HTPASSWD $CERTIFICATES $BIND $PORT $HEALTH_PORT $APP_PORT $PROMETHEUS_PORT $GRAFANA_PORT
    $ALERTMANAGER_PORT $SIGN_IN $TRANSPORT $OAUTH2_PROXY $APP $PROMETHEUS $GRAFANA $ALERTMANAGER $PROXY_SECRET'
umask 077
mkdir -p "$RUN"
for template in "$conf"/*.template; do
    filled=$RUN/$(basename "$template" .template)
    envsubst "$names" <"$template" >"$filled"
done
exec nginx -c "$RUN/nginx.conf" "$@"
