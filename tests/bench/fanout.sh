#!/usr/bin/env bash
# One publish to 1,000 subscribers over plain TCP: processor time of the server per publish that reached all. First the next is sent when all have had
# the one before; then the publisher has one, and ten, in flight, and waits for nobody but the server.
. "$(dirname "$0")/common.sh"
build
start_fleet --Fleet:Gateway:ConnectRate=100000
start_mosquitto
compare "fan-out to 1,000, one at a time" cpu_us 0.5 "$fleet_plain" 18831 fanout --subscribers 1000 --seconds 5
compare "fan-out to 1,000, publisher with 1 in flight" cpu_us 0.5 "$fleet_plain" 18831 fanout --subscribers 1000 --inflight 1 --seconds 5
compare "fan-out to 1,000, publisher with 10 in flight" cpu_us 0.5 "$fleet_plain" 18831 fanout --subscribers 1000 --inflight 10 --seconds 5
