using System.Buffers;
using System.Text;
using Fleet.Gateway.Messages;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway;

/// <summary>Messages that only pass through use the same memory again and again; nobody may see another's.</summary>
public sealed class PassingPublicationTests
{
    private static readonly Action<SettingsUnderTest> Fast = options => options.Channels.MaxPublishesPerSecond = 1_000_000;

    [Theory, InlineData(0), InlineData(1)]
    public void A_message_to_subscribers_that_are_here_allocates_nothing(int qos)
    {
        const int Messages = 10_000;
        var parts = new GatewayParts(Fast);
        var subscribers = Enumerable.Range(0, 3).Select(i => TestClient.Connected(parts, GatewayParts.Plain($"s{i}"))).ToArray();
        foreach (var subscriber in subscribers) subscriber.Subscribed("t", (Qos)qos);
        var publisher = TestClient.Connected(parts, GatewayParts.Plain("publisher"));
        byte[] publish = Packet(new PublishPacket
        {
            Topic = "t"u8, Payload = new ReadOnlySequence<byte>(new byte[64]), Qos = (Qos)qos, PacketId = (ushort)qos,
        });
        // PUBACK of the identifiers that the subscribers see: 1, 2, 3, …
        byte[] ack = [0x40, 2, 0, 0];
        long Allocated(int from)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < Messages; i++)
            {
                publisher.SendBytes(publish);
                if (qos == 0) continue;
                int id = from + i + 1;
                (ack[2], ack[3]) = ((byte)(id >> 8), (byte)id);
                foreach (var subscriber in subscribers) subscriber.SendBytes(ack);
            }
            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
        Allocated(0);
        foreach (var client in subscribers.Append(publisher)) client.Forget();
        long allocated = Allocated(Messages);
        foreach (var subscriber in subscribers) Assert.Equal(Messages, subscriber.ReadMessages().Count);
        Assert.True(allocated < Messages, $"{(double)allocated / Messages} bytes per message");
    }

    [Fact]
    public void What_waits_is_not_overwritten_by_what_comes_and_goes()
    {
        var parts = new GatewayParts(Fast);
        var quick = TestClient.Connected(parts, GatewayParts.Plain("quick"));
        quick.Subscribed("t", Qos.AtLeastOnce);
        var stuck = TestClient.Connected(parts, GatewayParts.Plain("stuck"));
        stuck.Subscribed("t");
        stuck.IsStuck = true;
        var publisher = TestClient.Connected(parts, GatewayParts.Plain("publisher"));
        for (int i = 1; i <= 200; i++)
        {
            // Some larger than what a message has of its own.
            publisher.Publish("t", $"{i}:{new string((char)('a' + (i % 26)), i % 7 == 0 ? 2_000 : i % 50)}", (Qos)(i % 2), (ushort)i);
            if (i % 3 == 0) publisher.Publish("nobody", "x");
        }
        string[] wanted =
            [.. Enumerable.Range(1, 200).Select(i => $"t={i}:{new string((char)('a' + (i % 26)), i % 7 == 0 ? 2_000 : i % 50)}")];
        Assert.Equal(wanted, quick.ReadMessages().Select(message => message.Split(' ')[0]));
        stuck.IsStuck = false;
        Assert.Equal(wanted, stuck.ReadMessages());
    }

    [Fact]
    public void Memory_is_used_again_when_the_last_is_done_with_it_and_not_before()
    {
        var first = Rent("one");
        first.Hold();
        first.Release();
        var second = Rent("two");
        Assert.NotSame(first, second);
        Assert.Equal("one", Encoding.UTF8.GetString(first.Payload.Span));
        first.Release();
        Assert.Same(first, Rent("three"));
        Assert.Equal("three", Encoding.UTF8.GetString(first.Payload.Span));
        Assert.Equal("two", Encoding.UTF8.GetString(second.Payload.Span));
    }

    [Fact]
    public void What_somebody_keeps_is_never_used_again()
    {
        var kept = Rent("one");
        // Of two sessions that have it, both become persistent.
        kept.Hold();
        kept.Keep();
        kept.Keep();
        kept.Release();
        kept.Release();
        Assert.NotSame(kept, Rent("two"));
        Assert.Equal("one", Encoding.UTF8.GetString(kept.Payload.Span));
    }

    [Fact]
    public void Who_releases_what_he_does_not_have_is_told_so()
    {
        var message = new PooledPublication("t"u8.ToArray(), ArrayPool<byte>.Shared.Rent(16), 16, Qos.AtMostOnce);
        message.Release();
        Assert.Throws<InvalidOperationException>(message.Release);
    }

    private static PassingPublication Rent(string payload) =>
        PassingPublication.Rent("t"u8, new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(payload)), Qos.AtMostOnce, default, null);

    private static byte[] Packet(PublishPacket packet)
    {
        var bytes = new ArrayBufferWriter<byte>();
        packet.WriteTo(bytes, MqttVersion.V5);
        return bytes.WrittenSpan.ToArray();
    }
}
