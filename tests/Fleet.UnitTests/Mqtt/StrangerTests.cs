using System.Buffers;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Mqtt;

/// <summary>Random bytes give a packet, a wait or <see cref="MqttProtocolException"/>, and there is no fourth outcome.</summary>
public class StrangerTests
{
    private const int TriesPerSeed = 2_000;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 20)];

    [Theory, MemberData(nameof(Seeds))]
    public void Random_bytes(int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < TriesPerSeed; i++)
        {
            byte[] bytes = new byte[random.Next(1, 64)];
            random.NextBytes(bytes);
            // Mostly a length that fits, so that the body is looked at.
            if (bytes.Length > 1 && random.Next(4) != 0) bytes[1] = (byte)(bytes.Length - 2);
            Receive(bytes, random, $"seed {seed}, try {i}");
        }
    }

    [Theory, MemberData(nameof(Seeds))]
    public void Valid_packets_with_a_few_bytes_changed(int seed)
    {
        var random = new Random(seed);
        int parsed = 0;
        for (int i = 0; i < TriesPerSeed; i++)
        {
            byte[] bytes = AnyPacket.Of(random).Bytes;
            for (int changes = random.Next(1, 4); changes > 0; changes--)
            {
                int at = random.Next(bytes.Length);
                bytes[at] = random.Next(3) switch
                {
                    0 => (byte)random.Next(256),
                    1 => (byte)(bytes[at] ^ (1 << random.Next(8))),
                    _ => (byte)(random.Next(2) * 255),
                };
            }
            if (Receive(bytes, random, $"seed {seed}, try {i}")) parsed++;
        }
        Assert.InRange(parsed, 1, TriesPerSeed - 1);
    }

    private static bool Receive(byte[] bytes, Random random, string which)
    {
        var version = random.Next(2) == 0 ? MqttVersion.V311 : MqttVersion.V5;
        var sender = (Sender)random.Next(2);
        var buffer = random.Next(2) == 0 ? new ReadOnlySequence<byte>(bytes) : Wire.Split(bytes, random.Next(bytes.Length + 1));
        try
        {
            if (!Framing.TryRead(ref buffer, Wire.MaxPacketBytes, out var packet)) return false;
            _ = ConnectPacket.PeekProtocolLevel(packet);
            packet.DemandSentBy(sender, version);
            return Wire.Describe(packet, version, sender).Length > 0;
        }
        catch (MqttProtocolException e)
        {
            Assert.True(e.Reason >= ReasonCode.UnspecifiedError, which);
            return false;
        }
        catch (Exception e)
        {
            Assert.Fail($"{which}: {Convert.ToHexString(bytes)} as {version} from {sender} threw {e}");
            throw;
        }
    }
}
