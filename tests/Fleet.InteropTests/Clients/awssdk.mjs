// aws-iot-device-sdk-v2 as a device uses it: publish and subscribe, the shadow's service client, and the stream of jobs. One line of JSON at the end.
//     node awssdk.mjs FOLDER_OF_NODE_MODULES 5|311 HOST PORT CA CERT KEY THING
import { createRequire } from 'node:module';
import { once } from 'node:events';

const [folder, version, host, port, ca, cert, key, thing] = process.argv.slice(2);
const { mqtt, mqtt5, iot, iotshadow, iotjobs } = createRequire(`${folder}/x.js`)('aws-iot-device-sdk-v2');
const topic = `fleet/${thing}/echo`;
const options = { maxRequestResponseSubscriptions: 6, maxStreamingSubscriptions: 4, operationTimeoutInSeconds: 30 };

async function five() {
    const builder = iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath(host, cert, key);
    builder.withCertificateAuthorityFromPath(undefined, ca);
    builder.withPort(Number(port));
    builder.withConnectProperties({ clientId: thing, keepAliveIntervalSeconds: 30 });
    const client = new mqtt5.Mqtt5Client(builder.build());
    const connected = once(client, 'connectionSuccess');
    client.start();
    await connected;
    const heard = once(client, 'messageReceived');
    await client.subscribe({ subscriptions: [{ topicFilter: topic, qos: mqtt5.QoS.AtLeastOnce }] });
    const ack = await client.publish({ topicName: topic, qos: mqtt5.QoS.AtLeastOnce, payload: 'hello' });
    const [{ message }] = await heard;
    return {
        echo: Buffer.from(message.payload).toString(), ack: ack.reasonCode,
        shadow: iotshadow.IotShadowClientv2.newFromMqtt5(client, options), jobs: iotjobs.IotJobsClientv2.newFromMqtt5(client, options),
        end: async () => { const stopped = once(client, 'stopped'); client.stop(); await stopped; client.close(); },
    };
}

async function old() {
    const builder = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(cert, key);
    builder.with_certificate_authority_from_path(undefined, ca);
    builder.with_endpoint(host);
    builder.with_port(Number(port));
    builder.with_client_id(thing);
    builder.with_clean_session(true);
    const connection = new mqtt.MqttClient().new_connection(builder.build());
    await connection.connect();
    let hear;
    const heard = new Promise(resolve => { hear = resolve; });
    await connection.subscribe(topic, mqtt.QoS.AtLeastOnce, (_, payload) => hear(Buffer.from(payload).toString()));
    await connection.publish(topic, 'hello', mqtt.QoS.AtLeastOnce);
    return {
        echo: await heard, ack: 0,
        shadow: iotshadow.IotShadowClientv2.newFromMqtt311(connection, options), jobs: iotjobs.IotJobsClientv2.newFromMqtt311(connection, options),
        end: () => connection.disconnect(),
    };
}

const device = version === '5' ? await five() : await old();
const stream = device.jobs.createNextJobExecutionChangedStream({ thingName: thing });
const offered = new Promise(resolve => stream.on('incomingPublish', event => { if (event.message.execution) resolve(event.message.execution); }));
const live = new Promise(resolve => stream.on('subscriptionStatus', resolve));
stream.open();
await live;
const updated = await device.shadow.updateShadow({ thingName: thing, state: { reported: { firmware: { version: '1.0.0' }, mode: 'idle' } } });
const shadow = await device.shadow.getShadow({ thingName: thing });
console.log('ready');    // whoever waits for this line makes a job
const execution = await offered;
const described = await device.jobs.describeJobExecution({ thingName: thing, jobId: execution.jobId });
const started = await device.jobs.startNextPendingJobExecution({ thingName: thing });
stream.close();
device.shadow.close();
device.jobs.close();
await device.end();
console.log(JSON.stringify({
    echo: device.echo, ack: device.ack, version: updated.version, mode: shadow.state.reported.mode,
    job: execution.jobId, described: described.execution.jobId, started: started.execution.status,
}));
process.exit(0);
