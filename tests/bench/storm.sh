#!/usr/bin/env bash
# A fleet of 20,000 mTLS devices with heartbeats (or as many as files may be open here); then all but 100 lose their connection at once and come
# back, under the default admission rate. How long until every device is back, and how long do the 100 wait for their acknowledgements meanwhile?
. "$(dirname "$0")/common.sh"
build
count=${BENCH_DEVICES:-20000}
most=$(($(ulimit -n) - 400))
if [ "$count" -gt "$most" ]; then echo "a process may open $(ulimit -n) files here: $most devices instead of $count"; count=$most; fi
make_devices "$count"
start_fleet --Fleet:Gateway:MaxOpeningConnections=2000 "$@"
"$load" storm --port "$fleet_mqtts" --pid "$fleet_pid" --connections "$count" --seconds 10 --threads 2 --devices "$work"
grep -c ' fail: \| crit: ' "$work/fleet.err" || true
