using Fleet.IntegrationTests.Support;
using static Fleet.IntegrationTests.HostileConnection;

namespace Fleet.IntegrationTests;

/// <summary>The rows of spec/security.md, 6.4, that are a story rather than one burst of bytes.</summary>
public abstract class HostileSequenceTests(HostileFleet fleet)
{
    [Fact(DisplayName = "5 CONNECT that comes drop by drop is cut off in time")]
    public async Task Drip()
    {
        await using var connection = await Open(fleet.Port);
        byte[] connect = Hex(Connect5);
        var closed = connection.Next();
        int sent = 0;
        for (; !closed.IsCompleted && sent < connect.Length - 1; sent++)
        {
            await connection.Send(connect.AsMemory(sent, 1));
            await Task.WhenAny(closed, Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System));
        }
        Assert.Equal("close", (await closed).Words);
        Assert.InRange(sent, HostileFleet.ConnectTimeout, HostileFleet.ConnectTimeout + 4);
    }

    [Fact(DisplayName = "41 one message over the receive maximum [MQTT-3.3.4-7]")]
    public async Task Receive_maximum()
    {
        await using var connection = await Open(fleet.Port);
        await connection.Send(Connect(is5: true, "greedy"));
        var connack = await connection.Next();
        // 3.3.4: QoS 2 counts until PUBCOMP, and this client never asks for one.
        int maximum = ReceiveMaximumOf(connack.Bytes);
        for (ushort id = 1; id <= maximum + 1; id++) await connection.Send(QoS2(is5: true, id, duplicate: false));
        for (int i = 0; i < maximum; i++) Assert.Equal("pubrec 10", Unmatched((await connection.Next()).Words));
        Assert.Equal("disconnect 93, close", await connection.Transcript());
        Assert.Equal(maximum, (await fleet.Heard()).Count);
    }

    [Fact(DisplayName = "a client of 3.1.1 has no receive maximum, and is not cut off for what it sends at once")]
    public async Task No_receive_maximum()
    {
        const int Messages = 1_000;
        await using (var absent = await Open(fleet.Port, is5: false))
        {
            // Clean session 0, and QoS 1 of what is published below: each acknowledgement waits for the store.
            await absent.Send(Packet(0x10, [0, 4, .. "MQTT"u8, 4, 0, 0, 60, 0, 6, .. "absent"u8]));
            Assert.Equal("connack 00", (await absent.Next()).Words);
            await absent.Send(Packet(0x82, [0, 1, 0, 3, .. "one"u8, 1]));
            Assert.StartsWith("suback", (await absent.Next()).Words, StringComparison.Ordinal);
        }
        await using var fast = await OpenSession(fleet.Port, is5: false, "fast");
        await using var other = await OpenSession(fleet.Port, is5: false, "other");
        byte[] all = [.. Enumerable.Range(1, Messages).SelectMany(id => Packet(0x32, [0, 3, .. "one"u8, (byte)(id >> 8), (byte)id]))];
        await fast.Send(all);
        await other.Send("C0 00");
        Assert.Equal("pingresp", (await other.Next()).Words);
        for (int i = 0; i < Messages; i++) Assert.StartsWith("puback", (await fast.Next()).Words, StringComparison.Ordinal);
        Assert.Equal(Messages, (await fleet.Heard()).Count);

        // QoS 2 counts until it is released, and nothing here is.
        for (ushort id = 1; id <= 500; id++) await fast.Send(QoS2(is5: false, id, duplicate: false));
        for (int i = 0; i < 500; i++) Assert.StartsWith("pubrec", (await fast.Next()).Words, StringComparison.Ordinal);
        Assert.Equal(500, (await fleet.Heard()).Count);
    }

    [Theory(DisplayName = "43 the same QoS 2 packet id again and again [MQTT-4.3.3-10]"), InlineData(true), InlineData(false)]
    public async Task Flood_of_one_packet_id(bool is5)
    {
        const int Times = 20_000, Batch = 500;
        await using var connection = await OpenSession(fleet.Port, is5, "flood");
        byte[] burst = [.. Enumerable.Range(0, Batch).SelectMany(_ => QoS2(is5, 1, duplicate: true))];
        for (int sent = 0; sent < Times; sent += Batch)
        {
            await connection.Send(burst);
            for (int i = 0; i < Batch; i++) Assert.StartsWith("pubrec", (await connection.Next()).Words, StringComparison.Ordinal);
        }
        Assert.Equal(["two"], await fleet.Heard());
        await connection.Send("62 02 00 01");
        Assert.StartsWith("pubcomp", (await connection.Next()).Words, StringComparison.Ordinal);
    }

    [Theory(DisplayName = "56 PUBACK for a message of QoS 2 (4.3.3)"), InlineData(true, "disconnect 82, close"), InlineData(false, "close")]
    public async Task Wrong_acknowledgement(bool is5, string end)
    {
        await using var connection = await OpenSession(fleet.Port, is5, "confused");
        await connection.Send(is5 ? "82 09 00 01 00 00 03 74 77 6F 02" : "82 08 00 01 00 03 74 77 6F 02");
        Assert.Equal("suback 02", (await connection.Next()).Words);
        await connection.Send(QoS2(is5, 9, duplicate: false));
        var answers = new[] { await connection.Next(), await connection.Next() };
        var publish = answers.Single(a => a.Words == "publish").Bytes;
        Assert.Equal(0x34, publish[0] & 0x36);
        byte[] id = publish[7..9];
        await connection.Send((byte[])[0x40, 2, .. id]);
        Assert.Equal(end, await connection.Transcript());
        Assert.Equal(["two"], await fleet.Heard());
    }

    [Theory(DisplayName = "61 one client id, many connections at once [MQTT-3.1.4-3]"), InlineData(true), InlineData(false)]
    public async Task Takeover_storm(bool is5)
    {
        var connections = new HostileConnection[200];
        for (int i = 0; i < connections.Length; i++) connections[i] = await Open(fleet.Port, is5);
        // All at once, so that they overtake each other while they connect.
        await Task.WhenAll(connections.Select(c => c.Send(Connect(is5, "twin"))));
        var lives = connections.Select(c => c.Transcript()).ToList();
        // Looked at once each time round: one that closes between two looks would leave this waiting for the one that stays.
        for (var open = lives; open.Count > 1; open = open.FindAll(l => !l.IsCompleted)) await Task.WhenAny(open);
        await using (var last = await OpenSession(fleet.Port, is5, "twin"))
        {
            foreach (string life in await Task.WhenAll(lives))
            {
                // Let in, and told why it had to go; or overtaken before it was in.
                if (life.StartsWith("connack 00", StringComparison.Ordinal)) Assert.Equal(is5 ? "connack 00, disconnect 8E, close" : "connack 00, close", life);
                else Assert.True(life is "close" or "connack 88, close" or "connack 03, close", life);
            }
            await last.Ping();
            Assert.Equal("pingresp", (await last.Next()).Words);
        }
        foreach (var connection in connections) await connection.DisposeAsync();
        Assert.Empty(await fleet.Heard());
    }

    [Fact(DisplayName = "61 what comes from the older connection after the takeover is not executed")]
    public async Task No_publish_after_takeover()
    {
        await using var older = await OpenSession(fleet.Port, true, "twice");
        await using var newer = await OpenSession(fleet.Port, true, "twice");
        await older.Send("30 04 00 01 74 00");
        Assert.Equal("disconnect 8E, close", await older.Transcript());
        Assert.Empty(await fleet.Heard());
    }

    [Fact(DisplayName = "62 keep alive of 18 hours is cut to the server's (3.2.2.3.14)")]
    public async Task Long_keep_alive()
    {
        await using var connection = await Open(fleet.Port);
        await connection.Send(Connect(true, "slow", keepAlive: 65_535));
        byte[] connack = (await connection.Next()).Bytes;
        int at = connack.AsSpan(5).IndexOf((byte)0x13);
        Assert.True(at >= 0, Convert.ToHexString(connack));
        Assert.InRange((connack[5 + at + 1] << 8) | connack[5 + at + 2], 1, 1_200);
    }

    [Theory(DisplayName = "62 silence ends a connection after 1.5 times its keep alive [MQTT-3.1.2-22]")]
    [InlineData(true, "disconnect 8D, close")]
    [InlineData(false, "close")]
    public async Task Silence(bool is5, string end)
    {
        await using var connection = await Open(fleet.Port, is5);
        await connection.Send(Connect(is5, "silent", keepAlive: 2));
        Assert.Equal("connack 00", (await connection.Next()).Words);
        long began = TimeProvider.System.GetTimestamp();
        Assert.Equal(end, await connection.Transcript());
        // The sweep runs every second.
        Assert.InRange(TimeProvider.System.GetElapsedTime(began).TotalSeconds, 2.9, 8);
    }

    [Theory(DisplayName = "64 a will that its client may not publish is refused with CONNECT (3.1.2.5)")]
    [InlineData("$control/broker"), InlineData("$SYS/x"), InlineData("$aws/things/amr-1/jobs/get"), InlineData("$share/g/t")]
    public async Task Forbidden_will(string topic)
    {
        byte[] name = System.Text.Encoding.UTF8.GetBytes(topic);
        await using var connection = await Open(fleet.Port);
        await connection.Send(Packet(0x10, [0, 4, .. "MQTT"u8, 5, 6, 0, 60, 0, 0, 1, (byte)'p', 0, 0, (byte)name.Length, .. name, 0, 1, (byte)'m']));
        Assert.Equal("connack 87, close", await connection.Transcript());
    }

    private static byte[] QoS2(bool is5, ushort id, bool duplicate) =>
        Packet((byte)(duplicate ? 0x3C : 0x34), [0, 3, .. "two"u8, (byte)(id >> 8), (byte)id, .. is5 ? [0] : Array.Empty<byte>()]);

    /// <summary>0x10, no matching subscribers, is as good as success.</summary>
    private static string Unmatched(string words) => words == "pubrec 00" ? "pubrec 10" : words;

    /// <summary>Property 0x21; without it 65,535 (3.2.2.3.3).</summary>
    private static int ReceiveMaximumOf(byte[] connack)
    {
        for (int at = 5; at < connack.Length;)
        {
            int size = connack[at] switch { 0x21 or 0x22 or 0x13 => 2, 0x11 or 0x27 => 4, 0x24 or 0x25 or 0x28 or 0x29 or 0x2A => 1, _ => 65_535 };
            if (connack[at] == 0x21) return (connack[at + 1] << 8) | connack[at + 2];
            at += 1 + size;
        }
        return 65_535;
    }
}

[Collection(nameof(HostileFleetOnAuto))]
public sealed class HostileSequenceTestsOnAuto(HostileFleetOnAuto fleet) : HostileSequenceTests(fleet);

[Collection(nameof(HostileFleetOnKestrel))]
public sealed class HostileSequenceTestsOnKestrel(HostileFleetOnKestrel fleet) : HostileSequenceTests(fleet);
