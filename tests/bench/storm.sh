#!/usr/bin/env bash
# As many mTLS devices as one process may have files here (20,000 at most), with heartbeats and wills; then all lose their connection at once and
# come back, under the default admission rate. How long until every device is back; how long do 100 others, which stay connected and publish, wait for
# their acknowledgements meanwhile; does each device's grain say so; is a will or a presence event missing or one too many?
#   BENCH_DEVICES   how many (default 20,000, or what the limit of files leaves)
#   BENCH_LOADS     processes that play them (default 2)
#   BENCH_RESUME    1: they come back with the tickets of the time before
#   BENCH_QUIET     seconds to watch before and after (default 10)
#   BENCH_KEEP      a folder for the events, the latencies and Fleet's log
# What is more is given to Fleet as settings.
. "$(dirname "$0")/common.sh"
build
witnesses=100 loads=${BENCH_LOADS:-2} quiet=${BENCH_QUIET:-10} count=${BENCH_DEVICES:-20000}
most=$(($(ulimit -n) - 400 - witnesses))
if [ "$count" -gt "$most" ]; then echo "a process may open $(ulimit -n) files here: $most devices, and $witnesses that watch"; count=$most; fi
each=$((count / loads)) count=$((count / loads * loads))
make_devices $((count + witnesses))
echo '{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}' > "$work/all.json"
# All ends come within a moment, each with a will and an event: who is to see every one needs room for them.
start_fleet --Fleet:Gateway:PlainPolicyPath="$work/all.json" --Fleet:Gateway:MaxQueuedMessages=1000000 --Fleet:Gateway:MaxQueuedBytes=1000000000 "$@"

# begin <name> <load's arguments…>: a process of the load; a line to its input file takes it further, the end of it ends it.
inputs=()
declare -A pid_of
begin() {
  local name=$1 input; shift
  mkfifo "$work/$name.in"
  # Without the other processes' inputs, which would not end while this one has them.
  (for input in "${inputs[@]}"; do exec {input}>&-; done
    exec "$load" "$@" --port "$fleet_mqtts" --pid "$fleet_pid" --devices "$work" < "$work/$name.in" > "$work/$name.out") &
  pids+=($!)
  pid_of[$name]=$!
  exec {input}> "$work/$name.in"
  inputs+=("$input")
}
await() { until grep -q "^$2" "$work/$1.out"; do kill -0 "${pid_of[$1]}" || exit 1; sleep 0.05; done; }
tell() { local word=$1 i; for i in $(seq "$loads"); do await "storm$i" "$word"; echo "  $(grep "^$word" "$work/storm$i.out")"; done; }
cpu_ms() { awk '{ sub(/.*\) /, ""); print ($12 + $13) * 10 }' "/proc/$fleet_pid/stat"; }
now() { date +%s%3N; }
# phase <name> <from> <to> <cpu_ms>: what the others waited, in ms.
phase() {
  awk -v f="$2" -v t="$3" '$1 >= f && $1 < t { print $2 / 1000 }' "$work/witness.txt" | sort -n | awk -v n="$1" -v c="$4" -v s=$(($3 - $2)) \
    '{ a[NR] = $1 } END { printf "%s: %.1f s, %d%% of a core; the others, %d messages: p50 %.2f ms, p99 %.1f ms, longest %.1f ms\n",
      n, s / 1000, 100 * c / s, NR, a[int((NR + 1) / 2)], a[int(NR * 0.99 + 0.5)], a[NR] }'
}

mosquitto_sub -p "$fleet_plain" -q 1 -t '$aws/events/presence/+/+' -t 'fleet/+/will' -F '%t' > "$work/events.txt" & watcher_pid=$!; pids+=("$watcher_pid")
begin witness witness --connections "$witnesses" --from "$count" --out "$work/witness.txt"
await witness publishing
for i in $(seq "$loads"); do begin "storm$i" storm --connections "$each" --from $(((i - 1) * each)) --resume "${BENCH_RESUME:-0}"; done
tell connected
sleep 2
t0=$(now) c0=$(cpu_ms) resident=$(awk '/VmRSS/ { print int($2 / 1024) }' "/proc/$fleet_pid/status")
sleep "$quiet"
echo 5 > "/proc/$fleet_pid/clear_refs"
t1=$(now) c1=$(cpu_ms)
for input in "${inputs[@]:1}"; do echo >&"$input"; done
tell back
t2=$(now) c2=$(cpu_ms) peak=$(awk '/VmHWM/ { print int($2 / 1024) }' "/proc/$fleet_pid/status")
sleep "$quiet"
t3=$(now) c3=$(cpu_ms)
states=$(sqlite3 "$work/data/fleet.db" "SELECT group_concat(n || ' ' || connectivity, ', ') FROM (SELECT connectivity, count(*) AS n FROM devices GROUP BY 1)")
kill "$watcher_pid"
watched=${inputs[0]}
exec {watched}>&-
wait "${pid_of[witness]}"
phase before "$t0" "$t1" $((c1 - c0))
phase storm "$t1" "$t2" $((c2 - c1))
phase after "$t2" "$t3" $((c3 - c2))
echo "processor time of the server per device that came back: $(((c2 - c1) * 1000 / count)) us; memory: $resident MiB before, $peak MiB at most"
echo "device grains: $states (of $((count + witnesses)))"
# Each of a device's events in its order: connected, disconnected with its will, connected.
awk -F/ '
  $3 == "presence" { if ($4 == "connected") { if (up[$5]++) wrong++; came[$5]++ } else if ($4 == "disconnected") { if (!up[$5]) wrong++; up[$5] = 0; went[$5]++ } }
  $3 == "will" { wills[$2]++ }
  END {
    for (d in came) { all++; if (!up[d]) down++; if (wills[d] + 0 != went[d] + 0) bad++; back += came[d] > 1 }
    printf "events: %d devices seen, %d came back, %d seen as gone, %d events out of order, %d with another number of wills than ends\n", all, back, down, wrong, bad
  }' "$work/events.txt"
[ -z "${BENCH_KEEP:-}" ] || cp "$work"/{events,witness}.txt "$work"/fleet.{out,err} "$BENCH_KEEP"
echo "Fleet's log, by kind:"
sed -n 's/.* \(warn\|fail\|crit\): \([^ ]*\) .*/  \1 \2/p' "$work"/fleet.{out,err} | sort | uniq -c | sort -rn | head -5
