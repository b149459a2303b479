/* A machine's publisher as a factory writes it: TLS with the machine's own certificate, a status every so often, and after a failure
 * the connection again, for as long as it takes. SIGINT or SIGTERM ends it in order.
 *     publisher URI CA CERT KEY CLIENT_ID TOPIC INTERVAL_MS COUNT       (COUNT 0: for ever)                    gcc -lpaho-mqtt3cs */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <MQTTClient.h>

#define ACK_TIMEOUT_MS 10000L
#define RETRY_MS 500

static volatile sig_atomic_t running = 1;

static void stop(int signal) { (void)signal; running = 0; }

static void rest(long milliseconds) { usleep((useconds_t)milliseconds * 1000); }

int main(int argc, char *argv[])
{
    if (argc != 9) { fprintf(stderr, "usage: publisher URI CA CERT KEY CLIENT_ID TOPIC INTERVAL_MS COUNT\n"); return 2; }
    const char *topic = argv[6];
    const long interval = atol(argv[7]), count = atol(argv[8]);
    signal(SIGINT, stop);
    signal(SIGTERM, stop);
    setvbuf(stdout, NULL, _IOLBF, 0);

    MQTTClient client;
    if (MQTTClient_create(&client, argv[1], argv[5], MQTTCLIENT_PERSISTENCE_NONE, NULL) != MQTTCLIENT_SUCCESS) return 1;
    MQTTClient_SSLOptions tls = MQTTClient_SSLOptions_initializer;
    tls.trustStore = argv[2];
    tls.keyStore = argv[3];
    tls.privateKey = argv[4];
    tls.enableServerCertAuth = 1;
    tls.verify = 1;
    MQTTClient_connectOptions options = MQTTClient_connectOptions_initializer;
    options.keepAliveInterval = 20;
    options.cleansession = 1;
    options.connectTimeout = 10;
    options.ssl = &tls;

    for (long sent = 0; running && (count == 0 || sent < count);) {
        if (!MQTTClient_isConnected(client)) {
            int code = MQTTClient_connect(client, &options);
            if (code != MQTTCLIENT_SUCCESS) {
                printf("connect: %d\n", code);
                rest(RETRY_MS);
                continue;
            }
            printf("connected\n");
        }
        char payload[128];
        snprintf(payload, sizeof payload, "{\"device_id\": \"%s\", \"sequence\": %ld, \"temperature\": 24.5, \"status\": \"OK\"}", argv[5], sent);
        MQTTClient_deliveryToken token;
        int code = MQTTClient_publish(client, topic, (int)strlen(payload), payload, 1, 0, &token);
        if (code == MQTTCLIENT_SUCCESS) code = MQTTClient_waitForCompletion(client, token, ACK_TIMEOUT_MS);
        if (code != MQTTCLIENT_SUCCESS) {
            /* Not acknowledged: the same message again on the next connection. */
            printf("publish: %d\n", code);
            MQTTClient_disconnect(client, 0);
            rest(RETRY_MS);
            continue;
        }
        printf("delivered %ld\n", sent++);
        if (running && sent != count) rest(interval);
    }
    MQTTClient_disconnect(client, 1000);
    MQTTClient_destroy(&client);
    return 0;
}
