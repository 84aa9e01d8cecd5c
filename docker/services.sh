#!/bin/sh
# The services of compose.yaml: up [--demo], down, backup FOLDER, restore FOLDER. `make services-up` and friends call it.
set -eu
umask 077

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
secrets=$here/.secrets
python=${PYTHON:-$root/.venv/bin/python}
address=${GATEWAY_URL:-http://localhost:${GATEWAY_PORT:-8080}}
export GATEWAY_URL="$address"

# Where the driver of rented clusters keeps what it knows: infra/settings.py.
data_dir() {
    found=${WATCHDOG_DATA_DIR:-}
    if [ -z "$found" ] && [ -e "$root/.env" ]; then
        found=$(sed -n 's/^\(export \)\{0,1\}WATCHDOG_DATA_DIR=//p' "$root/.env" | tail -n 1 | tr -d "\"'")
    fi
    case ${found:=data} in /*) echo "$found" ;; *) echo "$root/$found" ;; esac
}
INFRA_STATE=$(data_dir)/infra
export INFRA_STATE

compose() {
    # The later one wins.
    if [ -e "$here/.env" ]; then set -- --env-file "$here/.env" "$@"; fi
    if [ -e "$root/.env" ]; then set -- --env-file "$root/.env" "$@"; fi
    docker compose --project-directory "$here" --file "$here/compose.yaml" "$@"
}

need_docker() {
    if ! docker compose version >/dev/null 2>&1; then
        echo "Docker with the compose plugin is not here: https://docs.docker.com/engine/install/" >&2
        echo "Without it, 'make run' or 'make demo' starts the app alone." >&2
        exit 3
    fi
    if ! docker info >/dev/null 2>&1; then
        echo "The Docker engine does not answer: is it started, and may you use it?" >&2
        exit 3
    fi
}

# Containers run as other users: the files are readable, their folder is not.
keep() {
    [ -e "$secrets/$1" ] || cat >"$secrets/$1"
    chmod 644 "$secrets/$1"
}

make_secrets() {
    mkdir -p "$secrets/tls" "$secrets/model" "$here/prometheus/secrets"
    for kind in gpu slurm vllm; do mkdir -p "$here/prometheus/targets/$kind"; done
    chmod 755 "$secrets/tls" "$secrets/model" "$here/prometheus/secrets" "$here/prometheus/targets" "$here"/prometheus/targets/*
    openssl rand -base64 24 | keep password
    openssl rand -base64 24 | tr -d '\n' | keep grafana-admin
    printf 'admin:%s\n' "$(openssl passwd -apr1 -stdin <"$secrets/password")" | keep htpasswd
    proxy_secret=$(openssl rand -hex 32)
    printf 'PROXY_SECRET=%s\n' "$proxy_secret" | keep gateway.env
    sed 's/^/WATCHDOG_/' "$secrets/gateway.env" | keep app.env
    [ -e "$here/prometheus/secrets/exporters-token" ] || : >"$here/prometheus/secrets/exporters-token"
    chmod 644 "$here/prometheus/secrets/exporters-token"
}

# The app reads the record of what is rented as another user; what lies beside it is not for it.
open_record() {
    record=$INFRA_STATE/journal.jsonl
    mkdir -p "$INFRA_STATE"
    [ -e "$record" ] || : >"$record"
    if ! { chmod 700 "$INFRA_STATE" && chmod 644 "$record"; } 2>/dev/null; then
        echo "$INFRA_STATE is not yours: the app in Docker may not be able to show what is rented." >&2
    fi
}

demo_targets() {
    for kind in gpu slurm; do
        if [ "$1" = on ]; then
            cp "$here/prometheus/demo/$kind.json" "$here/prometheus/targets/$kind/demo.json"
            chmod 644 "$here/prometheus/targets/$kind/demo.json"
        else
            rm -f "$here/prometheus/targets/$kind/demo.json"
        fi
    done
}

up() {
    need_docker
    make_secrets
    open_record
    if [ "${1:-}" = --demo ]; then
        demo_targets on
        set -- --profile demo
    else
        demo_targets off
        set --
    fi
    [ "${SIGN_IN:-basic}" = oidc ] && set -- "$@" --profile oidc
    compose "$@" up --detach --build --remove-orphans
    echo "$address opens in a moment. Sign in as admin; the password is in docker/.secrets/password."
}

down() {
    need_docker
    compose --profile demo --profile oidc down --remove-orphans
}

is_up() {
    docker compose version >/dev/null 2>&1 && [ -n "$(compose ps --quiet --status running "$1" 2>/dev/null)" ]
}

backup() {
    to=${1:?"backup needs a folder"}
    mkdir -p "$to"
    if is_up app; then
        inside=$(compose exec -T app python -m watchdog backup)
        compose cp "app:$inside" "$to/watchdog.duckdb"
        compose exec -T app rm -f "$inside"
    else
        "$python" -m watchdog backup "$to/watchdog.duckdb"
    fi
    if is_up prometheus; then
        base=http://127.0.0.1:9090/prometheus/api/v1/admin/tsdb/snapshot
        name=$(compose exec -T prometheus wget -q -O - --post-data= "$base" | sed -n 's/.*"name":"\([0-9A-Za-z-]*\)".*/\1/p')
        [ -n "$name" ] || { echo "Prometheus took no snapshot" >&2; exit 1; }
        rm -rf "$to/prometheus"
        compose cp "prometheus:/prometheus/snapshots/$name" "$to/prometheus"
        compose exec -T prometheus rm -rf "/prometheus/snapshots/$name"
    else
        echo "Prometheus does not run here: its data is not in this backup." >&2
    fi
    echo "Backed up to $to."
}

restore() {
    from=$(cd "${1:?"restore needs a folder"}" && pwd)
    [ -e "$from/watchdog.duckdb" ] || { echo "there is no $from/watchdog.duckdb" >&2; exit 1; }
    # Docker alone says nothing: where `up` was never called, the app runs without it.
    if [ ! -e "$secrets/app.env" ] || ! docker compose version >/dev/null 2>&1; then
        "$python" -m watchdog restore "$from/watchdog.duckdb"
        return
    fi
    open_record
    compose stop app prometheus
    # By standard input, as the container's user may not read the folder.
    compose run --rm --no-deps -T app python -m watchdog restore - <"$from/watchdog.duckdb"
    if [ -d "$from/prometheus" ]; then
        # Beside the old data first: what is there goes only once all has arrived.
        tar -C "$from/prometheus" -cf - . | compose run --rm --no-deps -T --entrypoint sh prometheus -euc '
            rm -rf /prometheus/.restoring; mkdir /prometheus/.restoring; tar -C /prometheus/.restoring -xf -
            find /prometheus -mindepth 1 -maxdepth 1 ! -name .restoring -exec rm -rf {} +
            mv /prometheus/.restoring/* /prometheus/; rmdir /prometheus/.restoring'
    fi
    compose start prometheus app
    echo "Restored from $from."
}

command=${1:-}
[ $# -gt 0 ] && shift
case $command in
    up | down | backup | restore) "$command" "$@" ;;
    secrets) make_secrets ;;
    *) echo "usage: docker/services.sh up [--demo] | down | backup FOLDER | restore FOLDER | secrets" >&2; exit 2 ;;
esac
