#!/usr/bin/env bash
# Two builds of Fleet side by side, the commit before and the one after, on the plain port: processor time of each server's process per publish, and
# per publish that reached all of 1,000 subscribers. The two take turns of half a second, so that a ratio of 1.03 can be told from 1.00.
#   before-after.sh <artifacts of the build before> <artifacts of the build after> [seconds of each measurement, default 10]
# Such a folder is made by: dotnet build silo -c Release --artifacts-path <folder>; dotnet build tests/bench/load -c Release --artifacts-path <folder>
. "$(dirname "$0")/common.sh"
before=$1 after=$2 seconds=${3:-10}
BENCH_NO_BUILD=1
start_of() {
  artifacts=$1
  build
  start_fleet --Fleet:Gateway:ConnectRate=100000 --Fleet:DataDirectory="$work/$2"
}
start_of "$before" before; before_pid=$fleet_pid before_port=$fleet_plain
start_of "$after" after
against() {
  local name=$1; shift
  for _ in $(seq "$rounds"); do
    "$load" "$@" --seconds "$seconds" --port "$fleet_plain,$before_port" --pid "$fleet_pid,$before_pid" | awk -v n="$name" '
      match($0, /cpu_us=[0-9.]+/) { us[++i] = substr($0, RSTART + 7, RLENGTH - 7) }
      END { printf "%s: before %.2f µs, after %.2f µs, ratio %.3f\n", n, us[2], us[1], us[1] / us[2] }'
  done
}
against "publish, 1 in flight" publish --clients 500 --inflight 1
against "publish, 10 in flight" publish --clients 500 --inflight 10
against "fan-out to 1,000, one at a time" fanout --subscribers 1000
against "fan-out to 1,000, publisher with 1 in flight" fanout --subscribers 1000 --inflight 1
against "fan-out to 1,000, publisher with 10 in flight" fanout --subscribers 1000 --inflight 10
