using System.Text;
using static Fleet.IntegrationTests.HostileConnection;

namespace Fleet.IntegrationTests;

/// <summary>
/// spec/security.md, 6.4: the rows that are one burst of bytes and its answer. The others, which are a story, are in <see cref="HostileSequenceTests"/>
/// (5, 19, 41, 43, 61, 62, 64, 65) and <see cref="HostileWebSocketTests"/> (63). A 3.1.1 server has no word but CONNACK: it closes (4.8).
/// </summary>
internal static class HostileRows
{
    public static IEnumerable<HostileRow> All => [.. BeforeConnect, .. Connects, .. Publishes, .. Acknowledgements, .. Subscriptions, .. Others];

    private static IEnumerable<HostileRow> BeforeConnect =>
    [
        First(1, "PINGREQ first", "3.1.0-1", "C0 00", "close"),
        First(1, "PUBACK first", "3.1.0-1", "40 02 00 01", "close"),
        First(1, "PUBLISH first", "3.1.0-1", "30 03 00 01 61", "close"),
        First(2, "CONNECT of 268 MB", "3.1.0-1", "10 FF FF FF 7F", "close"),
        First(2, "PUBLISH of 268 MB first", "3.1.0-1", "30 FF FF FF 7F", "close"),
        First(3, "remaining length of five bytes", "1.5.5", "10 80 80 80 80 01", "close"),
    ];

    private static IEnumerable<HostileRow> Connects =>
    [
        First(7, "protocol name MQTU", "3.1.2-1", "10 0D 00 04 4D 51 54 55 04 02 00 3C 00 01 70", "close", "connack 84, close", "connack 01, close"),
        First(8, "protocol level 6", "3.1.2-2", "10 0D 00 04 4D 51 54 54 06 02 00 3C 00 01 70", "connack 01|84, close"),
        First(9, "reserved connect flag 3.1.1", "3.1.2-3", "10 0D 00 04 4D 51 54 54 04 03 00 3C 00 01 70", "close"),
        First(9, "reserved connect flag 5.0", "3.1.2-3", "10 0E 00 04 4D 51 54 54 05 03 00 3C 00 00 01 70", "connack 81|82, close"),
        First(10, "will QoS without will 3.1.1", "3.1.2.6", "10 0D 00 04 4D 51 54 54 04 0A 00 3C 00 01 70", "close"),
        First(10, "will QoS without will 5.0", "3.1.2.6", "10 0E 00 04 4D 51 54 54 05 0A 00 3C 00 00 01 70", "connack 81|82, close"),
        First(11, "will QoS 3 3.1.1", "3.1.2.6", "10 13 00 04 4D 51 54 54 04 1E 00 3C 00 01 70 00 01 74 00 01 6D", "close"),
        First(11, "will QoS 3 5.0", "3.1.2.6", "10 15 00 04 4D 51 54 54 05 1E 00 3C 00 00 01 70 00 00 01 74 00 01 6D", "connack 81|82, close"),
        First(12, "user name flag without one 3.1.1", "3.1.3.5", "10 0D 00 04 4D 51 54 54 04 82 00 3C 00 01 70", "close"),
        First(12, "user name flag without one 5.0", "3.1.3.5", "10 0E 00 04 4D 51 54 54 05 82 00 3C 00 00 01 70", "connack 81|82, close"),
        First(13, "password without user name 3.1.1", "3.1.2-22 of 3.1.1", "10 10 00 04 4D 51 54 54 04 42 00 3C 00 01 70 00 01 78", "close"),
        First(13, "password without user name 5.0", "3.1.2.9", "10 11 00 04 4D 51 54 54 05 42 00 3C 00 00 01 70 00 01 78", "connack 00, open"),
        First(14, "body longer than its length", "2.1.4", "10 07 00 04 4D 51 54 54 04 C2 00 3C 00 0B 74 65 73 74 69 6E 67 31 32 33 34", "close"),
        First(15, "trailing byte 3.1.1", "3.1.3", "10 0E 00 04 4D 51 54 54 04 02 00 3C 00 01 70 00", "close"),
        First(15, "trailing byte 5.0", "3.1.3", "10 0F 00 04 4D 51 54 54 05 02 00 3C 00 00 01 70 00", "connack 81|82, close"),
        First(16, "empty id, clean session 0", "3.1.3-8 of 3.1.1", "10 0C 00 04 4D 51 54 54 04 00 00 3C 00 00", "connack 02, close"),
        First(16, "empty id, clean start 0", "3.1.3-6", "10 0D 00 04 4D 51 54 54 05 00 00 3C 00 00 00", "connack 00, open"),
        First(17, "surrogate in client id 3.1.1", "1.5.3-1 of 3.1.1", "10 11 00 04 4D 51 54 54 04 02 00 3C 00 05 74 6F ED A0 80", "close"),
        First(17, "surrogate in client id 5.0", "1.5.4-1", "10 12 00 04 4D 51 54 54 05 02 00 3C 00 00 05 74 6F ED A0 80", "connack 81|85, close"),
        First(18, "U+0000 in client id 3.1.1", "1.5.3-2 of 3.1.1", "10 0F 00 04 4D 51 54 54 04 02 00 3C 00 03 61 00 62", "close"),
        First(18, "U+0000 in client id 5.0", "1.5.4-2", "10 10 00 04 4D 51 54 54 05 02 00 3C 00 00 03 61 00 62", "connack 81|85, close"),
        First(20, "session expiry twice", "3.1.2.11.2", "10 18 00 04 4D 51 54 54 05 02 00 3C 0A 11 00 00 00 01 11 00 00 00 01 00 01 70", "connack 82, close"),
        First(21, "receive maximum 0", "3.1.2.11.3", Connect(true, "p", "21 00 00"), "connack 82, close"),
        First(21, "maximum packet size 0", "3.1.2.11.4", Connect(true, "p", "27 00 00 00 00"), "connack 82, close"),
        First(22, "maximum packet size 2", "3.1.2-24", Connect(true, "p", "27 00 00 00 02"), "close"),
        First(23, "authentication data without method", "3.1.2.11.10", Connect(true, "p", "16 00 01 78"), "connack 82, close"),
        First(23, "unknown authentication method", "4.12.0-1", Connect(true, "p", "15 00 04 6E 6F 6E 65"), "connack 8C, close"),
        First(24, "a property that no will has", "3.1.3.2", "10 18 00 04 4D 51 54 54 05 06 00 3C 00 00 01 70 03 21 00 05 00 01 74 00 01 6D", "connack 82|81, close"),
        First(25, "property length of five bytes", "1.5.5", "10 12 00 04 4D 51 54 54 05 02 00 3C 80 80 80 80 01 00 01 70", "connack 81, close"),
        First(25, "properties longer than the packet", "2.2.2.1", "10 0E 00 04 4D 51 54 54 05 02 00 3C 7F 00 01 70", "connack 81, close"),
        First(26, "unknown property", "2.2.2.2", Connect(true, "p", "7F 00"), "connack 81, close"),
        First(27, "10,000 user properties", "3.1.2.11.8", Connect(true, "p", string.Concat(Enumerable.Repeat("26 00 01 61 00 01 62", 10_000))), "connack 95|97|81, close"),
    ];

    private static IEnumerable<HostileRow> Publishes =>
    [
        .. Both(28, "QoS 3", "3.3.1-4", "36 05 00 01 74 00 01", "36 06 00 01 74 00 01 00", "disconnect 81|82, close"),
        .. Both(29, "DUP at QoS 0", "3.3.1-2", "38 04 00 01 74 78", "38 05 00 01 74 00 78", "disconnect 81|82, close"),
        .. Both(30, "empty topic", "4.7.3-1", "30 03 00 00 78", "30 04 00 00 00 78", "disconnect 82|90, close"),
        .. Both(31, "wildcard in the topic", "3.3.2-2", "30 06 00 03 61 2F 23 78", "30 07 00 03 61 2F 23 00 78", "disconnect 81|82|90, close"),
        .. Both(32, "U+0000 in the topic", "1.5.4-2", "30 06 00 03 61 00 62 78", "30 07 00 03 61 00 62 00 78", "disconnect 81|90, close"),
        .. Both(32, "topic that is no UTF-8", "1.5.4-1", "30 06 00 03 61 C3 28 78", "30 07 00 03 61 C3 28 00 78", "disconnect 81|90, close"),
        .. Both(33, "topic longer than the packet", "2.1.4", "30 07 FF FF 41 42 43 44 45", "30 07 FF FF 41 42 43 44 45", "disconnect 81, close"),
        .. Both(34, "QoS 1 without a packet id", "2.2.1", "32 07 00 05 74 6F 70 69 63", "32 07 00 05 74 6F 70 69 63", "disconnect 81, close"),
        .. Both(35, "packet id 0", "2.2.1-3", "32 06 00 01 74 00 00 78", "32 07 00 01 74 00 00 00 78", "disconnect 82|81, close"),
        Five(36, "topic alias 0", "3.3.2-8", "30 08 00 01 74 03 23 00 00 78", "disconnect 94, close"),
        Five(36, "topic alias over the maximum", "3.3.2-9", "30 08 00 01 74 03 23 FF FF 78", "disconnect 94, close"),
        Five(37, "topic alias that was never set", "3.3.2-12", "30 07 00 00 03 23 00 01 78", "disconnect 82|94, close"),
        Five(38, "subscription id from a client", "3.3.4-6", "30 07 00 01 74 02 0B 01 78", "disconnect 82|81, close"),
        Five(39, "wildcard in the response topic", "3.3.2-14", "30 0B 00 01 74 06 08 00 03 61 2F 23 78", "disconnect 82|81, close"),
        Five(40, "payload format indicator 2", "3.3.2.3.2", "30 07 00 01 74 02 01 02 78", "disconnect 82|81, close"),
        First(40, "will payload that is not the UTF-8 it says", "3.1.3.2.3", "10 18 00 04 4D 51 54 54 05 06 00 3C 00 00 01 70 02 01 01 00 01 74 00 02 C3 28", "connack 99, close"),
        Five(40, "payload that is not the UTF-8 it says", "3.3.2.3.2", "32 0A 00 01 74 00 07 02 01 01 C3 28", "puback 99, open", "disconnect 99, close"),
        .. Both(42, "packet over the maximum", "3.2.2-15", Packet(0x30, [0, 1, 0x74, .. new byte[1 << 20]]), Packet(0x30, [0, 1, 0x74, 0, .. new byte[1 << 20]]), "disconnect 95, close"),
        Old(44, "publish to $SYS", "4.7.2", "32 09 00 05 24 53 59 53 2F 00 07", "close", "puback, open"),
        Five(44, "publish to $SYS", "4.7.2", "32 0A 00 05 24 53 59 53 2F 00 07 00", "puback 87, open"),
        Five(44, "publish to $SYS at QoS 2", "4.7.2", "34 0A 00 05 24 53 59 53 2F 00 07 00", "pubrec 87, open"),
        Old(44, "publish to $share/g/t", "4.8.2", Publish(false, 1, "$share/g/t"), "close", "puback, open"),
        Five(44, "publish to $share/g/t", "4.8.2", Publish(true, 1, "$share/g/t"), "puback 87, open"),
        Five(44, "publish to $share/g/t at QoS 2", "4.8.2", Publish(true, 2, "$share/g/t"), "pubrec 87, open"),
        .. Both(45, "topic of 32,000 levels", "4.7.3", Publish(false, 1, new string('/', 32_000)), Publish(true, 1, new string('/', 32_000)), "puback 90, open", "disconnect 90, close"),
        .. Both(45, "filter of 32,000 levels", "4.7.3", Subscribe(false, new string('/', 32_000)), Subscribe(true, new string('/', 32_000)), "suback 80|8F, open", "disconnect 8F, close"),
    ];

    private static IEnumerable<HostileRow> Acknowledgements =>
    [
        .. Both(55, "PUBREL with wrong flags", "3.6.1-1", "60 02 00 01", "60 02 00 01", "disconnect 81|82, close"),
        Old(56, "PUBREL for an unknown id", "3.7", "62 02 00 09", "pubcomp, open"),
        Five(56, "PUBREL for an unknown id", "3.7.2.1", "62 02 00 09", "pubcomp 92, open"),
        .. Both(57, "CONNACK from a client", "2.1.2", "20 02 00 00", "20 03 00 00 00", "disconnect 82|81, close"),
        .. Both(57, "SUBACK from a client", "2.1.2", "90 03 00 01 00", "90 04 00 01 00 00", "disconnect 82|81, close"),
        .. Both(57, "PINGRESP from a client", "2.1.2", "D0 00", "D0 00", "disconnect 82|81, close"),
    ];

    private static IEnumerable<HostileRow> Subscriptions =>
    [
        .. Both(46, "SUBSCRIBE with wrong flags", "3.8.1-1", "80 06 00 01 00 01 70 00", "80 07 00 01 00 00 01 70 00", "disconnect 81|82, close"),
        .. Both(47, "SUBSCRIBE without a filter", "3.8.3-2", "82 02 00 01", "82 03 00 01 00", "disconnect 82|81, close"),
        Five(48, "filter without its options", "3.8.3", "82 06 00 01 00 00 01 70", "disconnect 81, close"),
        .. Both(49, "subscription at QoS 3", "3.8.3.1", "82 06 00 01 00 01 70 03", "82 07 00 01 00 00 01 70 03", "disconnect 81|82, close"),
        .. Both(49, "reserved subscription option", "3.8.3-5", "82 06 00 01 00 01 70 40", "82 07 00 01 00 00 01 70 40", "disconnect 81, close"),
        Five(49, "retain handling 3", "3.8.3.1", "82 07 00 01 00 00 01 70 30", "disconnect 82, close"),
        .. Both(50, "filter a#", "4.7.1-1", Subscribe(false, "a#"), Subscribe(true, "a#"), "suback 80|8F, open", "disconnect 81|8F, close"),
        .. Both(50, "filter a/#/b", "4.7.1-1", Subscribe(false, "a/#/b"), Subscribe(true, "a/#/b"), "suback 80|8F, open", "disconnect 81|8F, close"),
        .. Both(50, "filter +a", "4.7.1-2", Subscribe(false, "+a"), Subscribe(true, "+a"), "suback 80|8F, open", "disconnect 81|8F, close"),
        Five(51, "No Local on a shared subscription", "3.8.3-4", "82 10 00 01 00 00 0A 24 73 68 61 72 65 2F 67 2F 74 04", "disconnect 82, close"),
        Five(52, "empty share name", "4.8.2-1", "82 0F 00 01 00 00 09 24 73 68 61 72 65 2F 2F 74 00", "suback 8F, open", "disconnect 82, close"),
        Five(53, "subscription id 0", "3.8.2.1.2", "82 09 00 01 02 0B 00 00 01 70 00", "disconnect 82, close"),
        .. Both(53, "SUBSCRIBE with packet id 0", "2.2.1-3", "82 06 00 00 00 01 70 00", "82 07 00 00 00 00 01 70 00", "disconnect 82|81, close"),
        .. Both(54, "UNSUBSCRIBE without a filter", "3.10.3-2", "A2 02 00 01", "A2 03 00 01 00", "disconnect 82|81, close"),
        .. Both(54, "UNSUBSCRIBE with wrong flags", "3.10.1-1", "A0 05 00 01 00 01 70", "A0 06 00 01 00 00 01 70", "disconnect 81|82, close"),
    ];

    private static IEnumerable<HostileRow> Others =>
    [
        .. Both(3, "remaining length of five bytes", "1.5.5", "30 80 80 80 80 01", "30 80 80 80 80 01", "disconnect 81, close"),
        .. Both(4, "length in more bytes than it needs", "1.5.5-1", "C0 80 00", "C0 80 00", "disconnect 81, close"),
        .. Both(6, "a second CONNECT", "3.1.0-2", Connect311, Connect5, "disconnect 82, close"),
        .. Both(58, "PINGREQ with a body", "3.12", "C0 02 D0 00", "C0 02 D0 00", "disconnect 81, close"),
        .. Both(59, "reserved packet type", "2.1.2", "00 00", "00 00", "disconnect 82|81, close"),
        .. Both(59, "AUTH out of place", "4.12", "F0 00", "F0 00", "disconnect 82|81, close"),
        Five(60, "DISCONNECT that raises an expiry of 0", "3.14.2.2.2", "E0 07 00 05 11 00 00 00 01", "disconnect 82, close"),
        .. Both(60, "DISCONNECT with wrong flags", "3.14.1-1", "E1 00", "E1 00", "disconnect 81|82, close"),
    ];

    private static byte[] Publish(bool is5, int qos, string topic)
    {
        byte[] name = Encoding.UTF8.GetBytes(topic);
        return Packet((byte)(0x30 | (qos << 1)), [(byte)(name.Length >> 8), (byte)name.Length, .. name, 0, 7, .. is5 ? [0] : Array.Empty<byte>(), 0x78]);
    }

    private static byte[] Subscribe(bool is5, string filter)
    {
        byte[] name = Encoding.UTF8.GetBytes(filter);
        return Packet(0x82, [0, 1, .. is5 ? [0] : Array.Empty<byte>(), (byte)(name.Length >> 8), (byte)name.Length, .. name, 0]);
    }

    private static HostileRow First(int number, string what, string section, string bytes, params string[] expected) =>
        First(number, what, section, Hex(bytes), expected);

    private static HostileRow First(int number, string what, string section, byte[] bytes, params string[] expected) =>
        new(number, what, section) { Bytes = bytes, Expected = expected };

    private static HostileRow Five(int number, string what, string section, string bytes, params string[] expected) =>
        Five(number, what, section, Hex(bytes), expected);

    private static HostileRow Five(int number, string what, string section, byte[] bytes, params string[] expected) =>
        new(number, what, section) { Prelude = Connect5, Bytes = bytes, Expected = expected };

    private static HostileRow Old(int number, string what, string section, string bytes, params string[] expected) =>
        Old(number, what, section, Hex(bytes), expected);

    private static HostileRow Old(int number, string what, string section, byte[] bytes, params string[] expected) =>
        new(number, what, section) { Prelude = Connect311, Bytes = bytes, Expected = expected };

    private static IEnumerable<HostileRow> Both(int number, string what, string section, string old, string five, params string[] expected) =>
        Both(number, what, section, Hex(old), Hex(five), expected);

    /// <summary>To a 3.1.1 client the server says SUBACK 0x80 where 5.0 has a code for a filter, and otherwise nothing.</summary>
    private static IEnumerable<HostileRow> Both(int number, string what, string section, byte[] old, byte[] five, params string[] expected)
    {
        string[] silent = [.. expected.Where(e => e.StartsWith("suback", StringComparison.Ordinal)).Select(_ => "suback 80, open"), "close"];
        return [Old(number, what, section, old, silent), Five(number, what, section, five, expected)];
    }
}
