using System.Buffers;
using System.Text;
using Fleet.Gateway.Messages;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway.Journal;

/// <summary>More messages wait for an absent session than there are packet identifiers.</summary>
public sealed class LongQueueTests
{
    /// <summary>CONNECT of 5.0, client id "p", clean start 0, session expiry 60 s.</summary>
    private const string Persistent = "10 13 00 04 4D 51 54 54 05 00 00 3C 05 11 00 00 00 3C 00 01 70";

    private const int Waiting = 67_000;

    private readonly MemorySessionStore _store = new();
    private readonly List<string> _got = [];
    private GatewayParts _parts;
    private int _published;

    public LongQueueTests() => _parts = Begin();

    [Fact]
    public async Task All_of_them_come_in_order_and_once_with_a_kill_between()
    {
        var client = Connect();
        client.Subscribed("t", Qos.ExactlyOnce);
        client.Lose();
        await Publish(Waiting, Qos.ExactlyOnce);
        Assert.Equal(Waiting, _store.Owed("plain/p").Length);
        client = Connect();
        Receive(client, 64_000);
        // Identifiers are free again; who waits without goes first.
        await Publish(1_000, Qos.ExactlyOnce);
        Receive(client, 65_000);
        client.Lose();
        _parts.Journal.Close();
        _parts = Begin(_parts.Time.GetUtcNow());
        await Publish(10, Qos.ExactlyOnce);
        client = Connect();
        Receive(client, _published);
        Assert.Equal(Enumerable.Range(1, _published).Select(number => $"{number}"), _got);
        await _parts.Journal.Flushed();
        Assert.Empty(_store.Owed("plain/p"));
    }

    [Fact]
    public async Task With_QoS_1_they_come_again_after_a_kill_with_the_identifiers_that_they_had()
    {
        var client = Connect();
        client.Subscribed("t", Qos.AtLeastOnce);
        client.Lose();
        await Publish(Waiting, Qos.AtLeastOnce);
        client = Connect();
        Receive(client, 65_000);
        await _parts.Journal.Flushed();
        // These got theirs when it was nearly their turn.
        var sent = client.ReadMessages();
        Assert.NotEmpty(sent);
        await _parts.Journal.Flushed();
        _parts.Journal.Close();
        _parts = Begin(_parts.Time.GetUtcNow());
        Assert.Equal(sent.Select(message => message + " dup"), Connect().ReadMessages().Take(sent.Count));
    }

    private GatewayParts Begin(DateTimeOffset? start = null) => new(
        options =>
        {
            options.Sessions.MaxQueuedMessages = 1_000_000;
            options.Sessions.ReceiveMaximum = 5_000;
        },
        _store, start);

    private TestClient Connect() => TestClient.Connected(_parts, GatewayParts.Plain(), connect: Persistent, readAll: false);

    private async Task Publish(int count, Qos qos)
    {
        for (int i = 0; i < count; i++)
        {
            byte[] payload = Encoding.ASCII.GetBytes($"{++_published}");
            _ = _parts.Broker.Publish(new Publication("t"u8.ToArray(), payload, qos));
        }
        await _parts.Journal.Flushed();
    }

    /// <summary>Until there are so many, each acknowledged to its end.</summary>
    private void Receive(TestClient client, int until)
    {
        while (client.Read() is { Length: > 0 } said)
        {
            var buffer = new ReadOnlySequence<byte>(said);
            List<byte> answers = [];
            while (Framing.TryRead(ref buffer, int.MaxValue, out var packet))
            {
                if (packet.Type == PacketType.Publish)
                {
                    var publish = PublishPacket.Parse(packet, MqttVersion.V5, Sender.Server);
                    _got.Add(Encoding.ASCII.GetString(publish.Payload));
                    byte answer = publish.Qos == Qos.AtLeastOnce ? (byte)0x40 : (byte)0x50;
                    answers.AddRange([answer, 2, (byte)(publish.PacketId >> 8), (byte)publish.PacketId]);
                }
                else if (packet.Type == PacketType.PubRel)
                {
                    ushort id = AckPacket.Parse(packet, MqttVersion.V5).PacketId;
                    answers.AddRange([0x70, 2, (byte)(id >> 8), (byte)id]);
                }
            }
            client.SendBytes([.. answers]);
            if (_got.Count >= until && until < _published) return;
        }
        Assert.True(_got.Count >= until, $"{_got.Count} of {until} came.");
    }
}
