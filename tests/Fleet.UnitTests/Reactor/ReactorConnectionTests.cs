using System.Net.Sockets;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Reactor;

/// <summary>Bytes between sockets and channels: cut anywhere, too many, too few, and the end in all its forms.</summary>
public sealed class ReactorConnectionTests
{
    private const string SubscribeT = "8206000100017400", SubAck = "9003000100";

    [Fact]
    public async Task Packets_may_come_byte_by_byte()
    {
        await using var rig = new ReactorRig();
        await using var peer = await rig.Dial();
        foreach (byte b in Convert.FromHexString(ReactorRig.Connect + SubscribeT + "C000")) await peer.Send(b.ToString("X2", null));
        Assert.Equal("20020000" + SubAck + "D000", await peer.Read(11));
    }

    [Fact]
    public async Task What_follows_CONNECT_waits_for_its_answer_and_is_not_lost()
    {
        await using var rig = new ReactorRig();
        await using var peer = await rig.Dial();
        await peer.Send(ReactorRig.Connect + SubscribeT + "C000" + "3206000174000178");
        Assert.Equal("20020000" + SubAck + "D000" + "3004000174" + "78" + "40020001", await Sorted(peer));

        // PUBACK and the message to itself may come in either order.
        static async Task<string> Sorted(ReactorRig.Peer peer)
        {
            string front = await peer.Read(11), rest = await peer.Read(10);
            return front + (rest.StartsWith("4002", StringComparison.Ordinal) ? rest[8..] + rest[..8] : rest);
        }
    }

    [Fact]
    public async Task A_client_that_is_owed_many_answers_is_read_on_when_it_has_them()
    {
        const int Messages = 250;
        await using var rig = new ReactorRig();
        await using var fast = await (await rig.Dial()).Connected();
        await using var other = await rig.Dial();
        await other.Send("100D00044D5154540402003C000131C000");
        Assert.Equal("20020000D000", await other.Read(6));
        rig.Parts.Store.Hold();
        // Retained, each on a topic of its own: each acknowledgement waits for the store.
        await fast.Send(string.Concat(Enumerable.Range(1, Messages).Select(id => $"33070003{Hex($"{id:X3}")}{id:X4}")));
        await other.Send("C000");
        Assert.Equal("D000", await other.Read(2));
        rig.Parts.Store.Release();
        Assert.Equal(string.Concat(Enumerable.Range(1, Messages).Select(id => $"4002{id:X4}")), await fast.Read(Messages * 4));

        static string Hex(string text) => Convert.ToHexString(System.Text.Encoding.ASCII.GetBytes(text));
    }

    [Fact]
    public async Task A_message_reaches_connections_of_both_loops()
    {
        await using var rig = new ReactorRig();
        var peers = new List<ReactorRig.Peer>();
        for (int i = 0; i < 6; i++)
        {
            var peer = await rig.Dial();
            await peer.Send($"100D00044D5154540402003C000131"[..^2] + $"{0x30 + i:X2}");
            Assert.Equal("20020000", await peer.Read(4));
            await peer.Send(SubscribeT);
            Assert.Equal(SubAck, await peer.Read(5));
            peers.Add(peer);
        }
        await peers[0].Send("300400017478");
        foreach (var peer in peers) Assert.Equal("300400017478", await peer.Read(6));
        foreach (var peer in peers) await peer.DisposeAsync();
        await rig.Holds(0);
    }

    [Fact]
    public async Task A_subscriber_that_does_not_read_gets_all_of_it_later_and_in_order()
    {
        const int Messages = 200, PayloadBytes = 30_000;
        await using var rig = new ReactorRig();
        await using var slow = await (await rig.Dial(receiveBufferBytes: 4_096)).Connected();
        await slow.Send("8206000100017401");
        Assert.Equal("9003000101", await slow.Read(5));
        for (int i = 0; i < Messages; i++)
        {
            byte[] payload = new byte[PayloadBytes];
            payload[0] = (byte)i;
            _ = rig.Parts.Broker.Publish(new("t"u8.ToArray(), payload, Qos.AtMostOnce));
        }
        // 6 MB: more than the socket and the connection's buffer take, less than the session's queue.
        for (int i = 0; i < Messages; i++)
        {
            string head = await slow.Read(7);
            Assert.Equal("30", head[..2]);
            Assert.Equal($"{i:X2}", (await slow.Read(PayloadBytes))[..2]);
        }
    }

    [Fact]
    public async Task A_packet_larger_than_what_is_read_at_once_is_put_together()
    {
        await using var rig = new ReactorRig();
        await using var peer = await (await rig.Dial()).Connected();
        byte[] payload = new byte[120_000];
        Random.Shared.NextBytes(payload);
        await peer.Send(SubscribeT);
        Assert.Equal(SubAck, await peer.Read(5));
        byte[] packet = [0x30, 0xC3, 0xA9, 0x07, 0, 1, (byte)'t', .. payload];
        await peer.Stream.WriteAsync(packet);
        Assert.Equal(Convert.ToHexString(packet), await peer.Read(packet.Length));
    }

    [Fact]
    public async Task A_protocol_error_ends_the_connection_and_nothing_else()
    {
        await using var rig = new ReactorRig();
        await using var bad = await (await rig.Dial()).Connected();
        await bad.Send("F000");
        Assert.Equal("", await bad.ReadToEnd());
        await using var good = await (await rig.Dial()).Connected();
        await good.Send("C000");
        Assert.Equal("D000", await good.Read(2));
    }

    [Fact]
    public async Task The_last_words_arrive_though_the_client_goes_on_sending()
    {
        await using var rig = new ReactorRig();
        await using var peer = await rig.Dial();
        await peer.Send("100E00044D5154540502003C00000170");
        byte[] connAck = Convert.FromHexString(await peer.Read(2));
        await peer.Read(connAck[1]);
        // A second CONNECT, and much after it that nobody will read as MQTT.
        await peer.Stream.WriteAsync((byte[])[.. Convert.FromHexString("100E00044D5154540502003C00000170"), .. new byte[100_000]]);
        string last = await peer.ReadToEnd();
        Assert.StartsWith("E0", last, StringComparison.Ordinal);
        Assert.Equal("82", last[4..6]);
        await peer.DisposeAsync();
        await rig.Holds(0);
    }

    [Fact]
    public async Task Shutting_down_tells_every_client()
    {
        await using var rig = new ReactorRig();
        await using var peer = await rig.Dial();
        await peer.Send("100E00044D5154540502003C00000170");
        byte[] connAck = Convert.FromHexString(await peer.Read(2));
        await peer.Read(connAck[1]);
        rig.Services.Connections.EndAll(EndCause.ShuttingDown);
        string last = await peer.ReadToEnd();
        Assert.Equal(("E0", "8B"), (last[..2], last[4..6]));
        await peer.DisposeAsync();
        await rig.Holds(0);
    }

    [Fact]
    public async Task A_client_that_says_nothing_is_let_go()
    {
        await using var rig = new ReactorRig();
        await using var silent = await rig.Dial();
        await using var slow = await rig.Dial();
        await slow.Send(ReactorRig.Connect[..10]);
        await rig.Opens(2);
        rig.Pass(TimeSpan.FromSeconds(6));
        Assert.Equal("", await silent.ReadToEnd());
        Assert.Equal("", await slow.ReadToEnd());
        await silent.DisposeAsync();
        await slow.DisposeAsync();
        await rig.Holds(0);
    }

    [Fact]
    public async Task A_peer_that_neither_reads_nor_closes_is_dropped_after_the_farewell()
    {
        await using var rig = new ReactorRig();
        await using var peer = await (await rig.Dial()).Connected();
        rig.Services.Connections.EndAll(EndCause.ShuttingDown);
        await peer.ReadToEnd();
        // It has read the end and keeps its own side open.
        rig.Pass(TimeSpan.FromSeconds(3));
        await rig.Holds(0);
    }

    [Fact]
    public async Task A_reset_is_a_lost_connection_and_its_will_goes_out()
    {
        await using var rig = new ReactorRig();
        await using var witness = await (await rig.Dial()).Connected();
        await witness.Send("8206000100017700");
        Assert.Equal(SubAck, await witness.Read(5));
        var peer = await rig.Dial();
        await peer.Send("101300044D5154540406003C00017100017700" + "0178");
        Assert.Equal("20020000", await peer.Read(4));
        ((NetworkStream)peer.Stream).Socket.LingerState = new LingerOption(true, 0);
        await peer.DisposeAsync();
        Assert.Equal("300400017778", await witness.Read(6));
    }

    [Fact]
    public async Task Who_is_not_admitted_is_closed_at_once()
    {
        await using var rig = new ReactorRig(options => options.Admission.ConnectRate = 1);
        await using var first = await (await rig.Dial()).Connected();
        await using var second = await rig.Dial();
        Assert.Equal("", await second.ReadToEnd());
    }

    [Fact]
    public async Task A_socket_that_cannot_be_watched_is_closed_and_said_once()
    {
        await using var rig = new ReactorRig();
        // A file is nothing that epoll watches.
        using var file = File.OpenHandle("/proc/self/exe");
        rig.Take((int)file.DangerousGetHandle());
        file.SetHandleAsInvalid();
        await Eventually.True(() => !rig.Said.IsEmpty);
        await rig.Holds(0);
        for (int i = 0; i < 5; i++)
        {
            rig.Pass(TimeSpan.FromSeconds(20));
            // The loops are done with the tick when they have served somebody.
            await using var peer = await (await rig.Dial()).Connected();
        }
        Assert.Contains("epoll_ctl", Assert.Single(rig.Said), StringComparison.Ordinal);
        Assert.Equal(0, rig.Parts.Admission.Opening(OpeningStage.TlsHandshake));
    }

    [Fact]
    public async Task A_PROXY_header_may_come_in_pieces_and_what_follows_is_MQTT()
    {
        await using var rig = new ReactorRig(options => options.Transport.ProxyProtocol = true);
        await using var peer = await rig.Dial();
        await peer.Stream.WriteAsync("PROXY TCP4 192.0.2.7 192.0"u8.ToArray());
        await rig.Holds(1);
        await peer.Stream.WriteAsync((byte[])[.. ".2.1 5000 8883\r\n"u8, .. Convert.FromHexString(ReactorRig.Connect)]);
        Assert.Equal("20020000", await peer.Read(4));
        Assert.Equal("192.0.2.7", rig.Parts.Directory.Find("plain/p")!.Identity.RemoteAddress);
        await using var direct = await rig.Dial();
        await direct.Send(ReactorRig.Connect);
        Assert.Equal("", await direct.ReadToEnd());
    }
}
