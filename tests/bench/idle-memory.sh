#!/usr/bin/env bash
# Resident memory per quiet mTLS connection. First without CONNECT: socket, TLS, and what waits to become a session; then with the session and the
# device's grain, its state and its records too. 8,000 devices, or BENCH_DEVICES, so that what the process needs once is little among them. What the
# kernel holds for a socket is in neither. Each figure has a process of its own: what one has let go of would be the next one's.
. "$(dirname "$0")/common.sh"
build
rounds=1 count=${BENCH_DEVICES:-8000}
settings=(--Fleet:Gateway:ConnectRate=100000 --Fleet:Gateway:MaxOpeningConnections=100000 --Fleet:Gateway:MaxAwaitingConnect=100000 --Fleet:Gateway:ConnectTimeoutSeconds=120 --Fleet:Gateway:FlappingLimit=0)
load_of=(idle --connections "$count" --first 100 --threads 2 --seconds 10)
make_devices $((count + 100))
start_mosquitto
start_fleet "${settings[@]}"
compare "idle connection, TLS alone" kib_per_connection "30 KiB" "$fleet_mqtts" 18832 "${load_of[@]}" --devices "$work" --mqtt 0
stop_fleet
kill "$mosquitto_pid"
wait "$mosquitto_pid" || true
start_fleet "${settings[@]}"
start_mosquitto
compare "idle connection, session and device's grain included" kib_per_connection "36 KiB" "$fleet_mqtts" 18832 "${load_of[@]}" --devices "$work"
