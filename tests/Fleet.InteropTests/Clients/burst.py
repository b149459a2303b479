"""A client of 3.1.1 that sends itself many messages at once, without a bound of its own on how many are in flight.

    burst.py HOST PORT CLIENT_ID TOPIC QOS COUNT
"""
import sys

import paho.mqtt.client as mqtt

host, port, client_id, topic, qos, count = sys.argv[1:]
qos, count = int(qos), int(count)
arrived, delivered, connects = set(), 0, 0


def new_client():
    if hasattr(mqtt, "CallbackAPIVersion"):    # paho-mqtt 2
        return mqtt.Client(mqtt.CallbackAPIVersion.VERSION1, client_id=client_id)
    return mqtt.Client(client_id=client_id)


def on_connect(client, userdata, flags, code):
    global connects
    connects += 1
    client.subscribe(topic, qos=qos)


def on_subscribe(client, userdata, mid, granted):
    for number in range(count):
        client.publish(topic, str(number), qos=qos)


def on_message(client, userdata, message):
    arrived.add(int(message.payload))
    end_if_done(client)


def on_publish(client, userdata, mid):
    global delivered
    delivered += 1
    end_if_done(client)


def end_if_done(client):
    if len(arrived) == count and delivered == count:
        print(f"arrived {len(arrived)}, delivered {delivered}, connected {connects}", flush=True)
        client.disconnect()


client = new_client()
client.max_inflight_messages_set(65535)
client.on_connect, client.on_subscribe = on_connect, on_subscribe
client.on_message, client.on_publish = on_message, on_publish
client.connect(host, int(port), keepalive=30)
client.loop_forever()
