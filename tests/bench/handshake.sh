#!/usr/bin/env bash
# What it costs the server to let a device in: a full TLS 1.3 handshake with client certificate; resumed; and, as a whole, up to CONNACK.
. "$(dirname "$0")/common.sh"
build
make_devices 200
start_fleet --Fleet:Gateway:ConnectRate=100000 --Fleet:Gateway:FlappingLimit=0
start_mosquitto
compare "full handshake" cpu_us 1.1 "$fleet_mqtts" 18832 handshake --connections 20 --seconds 4 --devices "$work"
compare "resumed handshake" cpu_us - "$fleet_mqtts" 18832 handshake --connections 20 --warmup 2 --seconds 4 --resume 1 --devices "$work"
compare "connect to CONNACK (Fleet tells the device grain, twice, durably)" cpu_us - "$fleet_mqtts" 18832 handshake --connections 20 --mqtt 1 --seconds 4 --devices "$work"
