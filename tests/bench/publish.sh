#!/usr/bin/env bash
# A QoS 1 publish of 64 bytes over plain TCP, 500 connections, one and ten in flight: processor time of the server per message.
. "$(dirname "$0")/common.sh"
build
start_fleet --Fleet:Gateway:ConnectRate=100000
start_mosquitto
compare "publish, 1 in flight" cpu_us 0.85 "$fleet_plain" 18831 publish --connections 500 --inflight 1 --seconds 5
compare "publish, 10 in flight" cpu_us 0.25 "$fleet_plain" 18831 publish --connections 500 --inflight 10 --seconds 5
