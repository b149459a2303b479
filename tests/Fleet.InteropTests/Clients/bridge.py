"""A subscriber that calls a function with each message, as one writes it against any broker.

    bridge.py HOST PORT CA CERT KEY CLIENT_ID FILTER FUNCTION_URL
"""
import sys
import urllib.request

import paho.mqtt.client as mqtt

host, port, ca, cert, key, client_id, topic_filter, function_url = sys.argv[1:]


def on_connect(client, userdata, flags, code):
    print(f"connected {code}", flush=True)
    client.subscribe(topic_filter, qos=1)


def on_subscribe(client, userdata, mid, granted):
    print(f"subscribed {granted[0]}", flush=True)


def on_message(client, userdata, message):
    request = urllib.request.Request(function_url, data=message.payload, headers={"X-Amz-Invocation-Type": "Event"}, method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        print(f"{message.topic} -> {answer.status}", flush=True)


def new_client():
    if hasattr(mqtt, "CallbackAPIVersion"):    # paho-mqtt 2
        return mqtt.Client(mqtt.CallbackAPIVersion.VERSION1, client_id=client_id)
    return mqtt.Client(client_id=client_id)


client = new_client()
client.tls_set(ca_certs=ca, certfile=cert, keyfile=key)
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
client.connect(host, int(port), keepalive=30)
client.loop_forever()
