#!/bin/sh
# Fills the templates in with settings from the environment and becomes nginx.
set -eu

conf=${CONF:-/etc/watchdog}
first_of() { for path; do [ ! -r "$path" ] || { echo "$path"; return; }; done; }
nameservers() { awk '$1 == "nameserver" && $2 !~ /%/ { print (($2 ~ /:/) ? "[" $2 "]" : $2) }' /etc/resolv.conf | tr '\n' ' '; }

export RUN="${RUN:-/tmp/nginx}" HTPASSWD="${HTPASSWD:-$conf/htpasswd}" CERTIFICATES="${CERTIFICATES:-$conf/tls}"
export BIND="${BIND:-}" PORT="${PORT:-8080}" HEALTH_PORT="${HEALTH_PORT:-8081}"
export APP_PORT="${APP_PORT:-8501}" PROMETHEUS_PORT="${PROMETHEUS_PORT:-9090}"
export GRAFANA_PORT="${GRAFANA_PORT:-3001}" ALERTMANAGER_PORT="${ALERTMANAGER_PORT:-9093}"
export SIGN_IN="${SIGN_IN:-basic}" TRANSPORT="${TRANSPORT:-plain}" OAUTH2_PROXY="${OAUTH2_PROXY:-127.0.0.1:4180}"
export MCP="${MCP:-off}" MODEL="${MODEL:-$conf/model}" RESOLVER="${RESOLVER:-$(nameservers)}"
export RESOLVER="${RESOLVER:-127.0.0.1}"
export CA_FILE="${CA_FILE:-$(first_of /etc/ssl/certs/ca-certificates.crt /etc/ssl/cert.pem)}"
: "${APP:?}" "${PROMETHEUS:?}" "${GRAFANA:?}" "${ALERTMANAGER:?}" "${CA_FILE:?"no list of certificate authorities"}"
if [ "${#PROXY_SECRET}" -lt 16 ]; then
    echo "PROXY_SECRET is shorter than 16 characters" >&2
    exit 2
fi

# Only these: nginx has variables of its own.
# shellcheck disable=SC2016
names='$RUN $HTPASSWD $CERTIFICATES $BIND $PORT $HEALTH_PORT $APP_PORT $PROMETHEUS_PORT $GRAFANA_PORT
    $ALERTMANAGER_PORT $SIGN_IN $TRANSPORT $OAUTH2_PROXY $APP $PROMETHEUS $GRAFANA $ALERTMANAGER $PROXY_SECRET
    $MCP $MODEL $RESOLVER $CA_FILE'
umask 077
mkdir -p "$RUN"
for template in "$conf"/*.template; do
    filled=$RUN/$(basename "$template" .template)
    envsubst "$names" <"$template" >"$filled"
done

# The driver of a rented cluster writes where its model is: nginx reads that anew, whoever called the driver.
wired() { cat "$MODEL"/*.conf 2>/dev/null | cksum; }
follow() {
    while sleep "${LOOK_SECONDS:-5}" && kill -0 $$; do
        now=$(wired)
        [ "$now" = "$1" ] || kill -HUP $$
        set -- "$now"
    done
}
known=$(wired)
(exec </dev/null >/dev/null 2>&1; follow "$known") &
exec nginx -c "$RUN/nginx.conf" "$@"
