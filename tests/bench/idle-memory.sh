#!/usr/bin/env bash
# Resident memory per quiet mTLS connection: socket, TLS, session; and with Fleet the device's grain, its state and its record. 8,000 devices, so that
# what the process needs once is little among them.
. "$(dirname "$0")/common.sh"
build
rounds=1
make_devices 8100
start_fleet --Fleet:Gateway:ConnectRate=100000 --Fleet:Gateway:FlappingLimit=0
start_mosquitto
compare "idle connection" kib_per_connection "36 KiB" "$fleet_mqtts" 18832 idle --connections 8000 --first 100 --threads 2 --seconds 10 --devices "$work"
