#!/usr/bin/env bash
# One publish to 1,000 subscribers over plain TCP: processor time of the server per publish. The next is sent when all have had it.
. "$(dirname "$0")/common.sh"
build
start_fleet --Fleet:Gateway:ConnectRate=100000
start_mosquitto
compare "fan-out to 1,000, QoS 0" cpu_us 0.5 "$fleet_plain" 18831 fanout --subscribers 1000 --seconds 5
compare "fan-out to 1,000, QoS 1" cpu_us 0.5 "$fleet_plain" 18831 fanout --subscribers 1000 --qos 1 --seconds 5
