/* A constrained device: MQTT by hand over wolfSSL, with its own certificate. Connects, publishes one message at QoS 1, and waits for its PUBACK.
 *     wolfssl_publisher HOST PORT CA CERT KEY CLIENT_ID TOPIC PAYLOAD [1.2|1.3]                                             gcc -lwolfssl */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

static unsigned char packet[512];
static int at;

static void text(const char *s)
{
    size_t length = strlen(s);
    packet[at++] = (unsigned char)(length >> 8);
    packet[at++] = (unsigned char)length;
    memcpy(packet + at, s, length);
    at += (int)length;
}

static int fail(const char *what, WOLFSSL *ssl, int result)
{
    fprintf(stderr, "%s: %d\n", what, ssl ? wolfSSL_get_error(ssl, result) : result);
    return 1;
}

/* Every packet here is shorter than 128 bytes: one byte of remaining length. */
static int send_packet(WOLFSSL *ssl, int header)
{
    unsigned char whole[514] = { (unsigned char)header, (unsigned char)at };
    memcpy(whole + 2, packet, (size_t)at);
    return wolfSSL_write(ssl, whole, at + 2) == at + 2 ? 0 : -1;
}

static int receive(WOLFSSL *ssl, unsigned char *buffer, int count)
{
    for (int got = 0; got < count;) {
        int n = wolfSSL_read(ssl, buffer + got, count - got);
        if (n <= 0) return -1;
        got += n;
    }
    return 0;
}

int main(int argc, char *argv[])
{
    if (argc < 9) { fprintf(stderr, "usage: wolfssl_publisher HOST PORT CA CERT KEY CLIENT_ID TOPIC PAYLOAD [1.2|1.3]\n"); return 2; }
    struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *address;
    if (getaddrinfo(argv[1], argv[2], &hints, &address)) return fail("resolve", NULL, 0);
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(descriptor, address->ai_addr, address->ai_addrlen)) return fail("connect", NULL, 0);

    wolfSSL_Init();
    WOLFSSL_CTX *context = wolfSSL_CTX_new(argc > 9 && !strcmp(argv[9], "1.2") ? wolfTLSv1_2_client_method() : wolfTLSv1_3_client_method());
    int result = wolfSSL_CTX_load_verify_locations(context, argv[3], NULL);
    if (result != WOLFSSL_SUCCESS) return fail("CA", NULL, result);
    result = wolfSSL_CTX_use_certificate_chain_file(context, argv[4]);
    if (result != WOLFSSL_SUCCESS) return fail("certificate", NULL, result);
    result = wolfSSL_CTX_use_PrivateKey_file(context, argv[5], WOLFSSL_FILETYPE_PEM);
    if (result != WOLFSSL_SUCCESS) return fail("key", NULL, result);
    wolfSSL_CTX_set_verify(context, WOLFSSL_VERIFY_PEER, NULL);
    WOLFSSL *ssl = wolfSSL_new(context);
    wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, argv[1], (unsigned short)strlen(argv[1]));
    wolfSSL_check_domain_name(ssl, argv[1]);
    wolfSSL_set_fd(ssl, descriptor);
    result = wolfSSL_connect(ssl);
    if (result != WOLFSSL_SUCCESS) return fail("handshake", ssl, result);
    printf("%s %s\n", wolfSSL_get_version(ssl), wolfSSL_get_cipher(ssl));

    unsigned char answer[128];
    at = 0;
    text("MQTT");
    memcpy(packet + at, "\x04\x02\x00\x3C", 4);    /* 3.1.1, clean session, keep alive 60 s */
    at += 4;
    text(argv[6]);
    if (send_packet(ssl, 0x10) || receive(ssl, answer, 4)) return fail("CONNECT", ssl, 0);
    printf("CONNACK %02X\n", answer[3]);
    if (answer[0] != 0x20 || answer[3]) return 1;

    at = 0;
    text(argv[7]);
    packet[at++] = 0;
    packet[at++] = 7;    /* packet identifier */
    memcpy(packet + at, argv[8], strlen(argv[8]));
    at += (int)strlen(argv[8]);
    if (send_packet(ssl, 0x32) || receive(ssl, answer, 4)) return fail("PUBLISH", ssl, 0);
    printf("PUBACK %02X%02X\n", answer[2], answer[3]);
    if (answer[0] != 0x40) return 1;

    at = 0;
    send_packet(ssl, 0xE0);
    wolfSSL_shutdown(ssl);
    wolfSSL_free(ssl);
    wolfSSL_CTX_free(context);
    close(descriptor);
    return 0;
}
