#!/usr/bin/env bash
# Resident memory per quiet mTLS connection, 2,000 devices: socket, TLS, session; and with Fleet the device's grain, its state and its record.
. "$(dirname "$0")/common.sh"
build
rounds=1
make_devices 2100
start_fleet --Fleet:Gateway:ConnectRate=100000 --Fleet:Gateway:FlappingLimit=0
start_mosquitto
compare "idle connection" kib_per_connection "36 KiB" "$fleet_mqtts" 18832 idle --connections 2000 --first 100 --seconds 10 --devices "$work"
