# What the scripts of this folder share; not to be run. Each starts Fleet and Mosquitto side by side, makes the same load on both in turn, and prints
# the cost in processor time of the server's process, and the ratio. Needs the SDK, mosquitto, sqlite3, and OpenSSL 3.
#   BENCH_ARTIFACTS   where builds go (default: artifacts/bench of the repository)
#   BENCH_ROUNDS      rounds of each measurement; the best of each counts, since what disturbs only ever adds (default 1). Within a round the two
#                     servers take turns of half a second.
#   BENCH_TRANSPORT   reactor (default) or kestrel
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
artifacts=${BENCH_ARTIFACTS:-$repo/artifacts/bench}
rounds=${BENCH_ROUNDS:-1}
work=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap finish EXIT
ulimit -n "$(ulimit -Hn)"

build() {
  [ -z "${BENCH_NO_BUILD:-}" ] || { silo=$artifacts/bin/Fleet.Silo/release/Fleet.Silo; load=$artifacts/bin/Fleet.Load/release/Fleet.Load; return; }
  dotnet build "$repo/silo" -c Release --artifacts-path "$artifacts" --tl:off -v q > "$work/build.log" || { cat "$work/build.log"; exit 1; }
  dotnet build "$repo/tests/bench/load" -c Release --artifacts-path "$artifacts" --tl:off -v q > "$work/build.log" || { cat "$work/build.log"; exit 1; }
  silo=$artifacts/bin/Fleet.Silo/release/Fleet.Silo
  load=$artifacts/bin/Fleet.Load/release/Fleet.Load
}

field() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" "$work/fleet.out" | head -1; }

# start_fleet [setting…]: on free ports, with room for a bench; sets fleet_pid, fleet_plain, fleet_mqtts.
start_fleet() {
  : > "$work/fleet.out"
  (cd "$(dirname "$silo")" && exec "$silo" --Fleet:Http:Port=0 --Fleet:Metrics:Port=0 --Fleet:Gateway:MqttsPort=0 --Fleet:Gateway:PlainPort=0 \
    --Fleet:Gateway:Transport="${BENCH_TRANSPORT:-reactor}" --Fleet:DataDirectory="$work/data" "$@" > "$work/fleet.out" 2> "$work/fleet.err") &
  fleet_pid=$!
  pids+=("$fleet_pid")
  for _ in $(seq 300); do grep -q listening "$work/fleet.out" && break; sleep 0.1; done
  grep -q listening "$work/fleet.out" || { cat "$work/fleet.err"; exit 1; }
  fleet_pid=$(field processId) fleet_plain=$(field plain) fleet_mqtts=$(field mqtts) fleet_metrics=$(field metrics)
}

stop_fleet() { kill "$fleet_pid"; while kill -0 "$fleet_pid" 2>/dev/null; do sleep 0.1; done; }

# make_devices <n>: certificates of Fleet's CA that Fleet knows; leaves Fleet stopped.
make_devices() {
  start_fleet
  stop_fleet
  "$load" make "$1" "$work/data" "$work"
  sqlite3 "$work/data/fleet.db" < "$work/devices.sql"
}

# start_mosquitto: plain on 18831, TLS with the same CA and server certificate on 18832; sets mosquitto_pid.
start_mosquitto() {
  cat > "$work/mosquitto.conf" <<CONF
persistence false
log_type none
per_listener_settings true
listener 18831 127.0.0.1
allow_anonymous true
CONF
  if [ -f "$work/data/pki/server.key" ]; then
    # Mosquitto gives up its rights, and must still read them.
    cp "$work/data/pki/server.key" "$work/server.pem"; cp "$work/data/pki/ca.crt" "$work/ca.pem"; chmod 755 "$work"; chmod 644 "$work/server.pem" "$work/ca.pem"
    cat >> "$work/mosquitto.conf" <<CONF
listener 18832 127.0.0.1
allow_anonymous true
require_certificate true
cafile $work/ca.pem
certfile $work/server.pem
keyfile $work/server.pem
CONF
  fi
  mosquitto -c "$work/mosquitto.conf" & mosquitto_pid=$!
  pids+=("$mosquitto_pid")
  sleep 1
}

value() { sed -n "s/.*\b$2=\([0-9.]*\).*/\1/p" <<< "$1"; }

# compare <name> <figure> <target ratio> <fleet's port> <mosquitto's port> <scenario and its arguments…>
compare() {
  local name=$1 figure=$2 target=$3 ours=$4 theirs=$5 best_ours="" best_theirs="" lines line; shift 5
  echo "  load $(cut -d' ' -f1 /proc/loadavg)"
  for _ in $(seq "$rounds"); do
    lines=$("$load" "$@" --port "$ours,$theirs" --pid "$fleet_pid,$mosquitto_pid")
    line=$(sed -n 1p <<< "$lines"); echo "  fleet      $line"
    best_ours=$(awk -v a="$best_ours" -v b="$(value "$line" "$figure")" 'BEGIN { print (a == "" || b + 0 < a + 0) ? b : a }')
    line=$(sed -n 2p <<< "$lines"); echo "  mosquitto  $line"
    best_theirs=$(awk -v a="$best_theirs" -v b="$(value "$line" "$figure")" 'BEGIN { print (a == "" || b + 0 < a + 0) ? b : a }')
  done
  awk -v n="$name" -v f="$figure" -v a="$best_ours" -v b="$best_theirs" -v t="$target" \
    'BEGIN { printf "%s: %s fleet %.2f, mosquitto %.2f, ratio %.2f (target %s)\n", n, f, a, b, a / b, t }'
}
