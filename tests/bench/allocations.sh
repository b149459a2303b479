#!/usr/bin/env bash
# Bytes on the managed heap per QoS 1 message that was received, and per delivery: nobody subscribed, then a thousand subscribers at QoS 0 and 1.
. "$(dirname "$0")/common.sh"
build
start_fleet --Fleet:Gateway:ConnectRate=100000
total() { curl -s "http://127.0.0.1:$fleet_metrics/metrics" | awk -v n="$1" 'index($1, n) == 1 { sum += $2 } END { printf "%.0f", sum }'; }
# allocations <name> <scenario and its arguments…>: looks twice, 10 s apart, when all have connected and are warm.
allocations() {
  local name=$1 bytes received sent; shift
  "$load" "$@" --port "$fleet_plain" --pid "$fleet_pid" --warmup 12 --seconds 12 > /dev/null & local running=$!
  sleep 12
  bytes=$(total dotnet_gc_heap_total_allocated) received=$(total mqtt_server_message_received_total) sent=$(total mqtt_server_message_sent_total)
  sleep 10
  awk -v n="$name" -v b="$(($(total dotnet_gc_heap_total_allocated) - bytes))" -v r="$(($(total mqtt_server_message_received_total) - received))" \
    -v s="$(($(total mqtt_server_message_sent_total) - sent))" \
    'BEGIN { printf "%s: %d bytes, %d received, %d delivered: %.3f bytes each\n", n, b, r, s, b / (r + s) }'
  wait "$running"
}
allocations "nobody subscribed" publish --connections 500 --inflight 1
allocations "1,000 subscribers, QoS 0" fanout --subscribers 1000 --inflight 10
allocations "1,000 subscribers, QoS 1" fanout --subscribers 1000 --inflight 10 --qos 1
