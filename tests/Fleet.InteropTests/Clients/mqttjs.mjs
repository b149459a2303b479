// MQTT.js: subscribes, publishes to itself at each QoS, and prints what it heard as one line of JSON.
//     node mqttjs.mjs FOLDER_OF_NODE_MODULES URL TOPIC OPTIONS_AS_JSON      (ca, cert and key are names of files)
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const [folder, url, topic, options] = process.argv.slice(2);
const mqtt = createRequire(`${folder}/x.js`)('mqtt');
const settings = JSON.parse(options);
for (const name of ['ca', 'cert', 'key']) if (settings[name]) settings[name] = readFileSync(settings[name]);

const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, ...settings });
const heard = [];
const all = new Promise(resolve => client.on('message', (name, payload, packet) => {
    heard.push(`${name} ${payload} ${packet.qos} ${packet.properties?.userProperties?.from ?? '-'}`);
    if (heard.length === 3) resolve();
}));
const [{ qos: granted }] = await client.subscribeAsync(topic, { qos: 2 });
const properties = settings.protocolVersion === 5 ? { properties: { userProperties: { from: 'node' } } } : {};
for (const qos of [0, 1, 2]) await client.publishAsync(topic, `m${qos}`, { qos, ...properties });
await all;
await client.endAsync();
console.log(JSON.stringify({ granted, heard }));
