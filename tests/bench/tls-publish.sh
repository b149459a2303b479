#!/usr/bin/env bash
# The same over TLS 1.3 with client certificates, 2,000 devices, one in flight.
. "$(dirname "$0")/common.sh"
build
make_devices 2000
start_fleet --Fleet:Gateway:ConnectRate=100000 --Fleet:Gateway:FlappingLimit=0
start_mosquitto
compare "publish over TLS, 1 in flight" cpu_us 0.9 "$fleet_mqtts" 18832 publish --connections 2000 --inflight 1 --warmup 20 --seconds 5 --devices "$work"
