using System.Buffers;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Mqtt;

public class RoundTripTests
{
    private const int PacketsPerSeed = 400;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 10)];

    [Theory, MemberData(nameof(Seeds))]
    public void Every_packet_comes_back_as_it_was_written(int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < PacketsPerSeed; i++)
        {
            var (bytes, version, sender) = AnyPacket.Of(random);
            Wire.Cut(bytes).DemandSentBy(sender, version);
            byte[] again = Wire.Rewrite(bytes, version, sender);
            Assert.True(bytes.AsSpan().SequenceEqual(again), $"seed {seed}, packet {i}: {Convert.ToHexString(bytes)} became {Convert.ToHexString(again)}");
        }
    }

    [Theory, MemberData(nameof(Seeds))]
    public void Packets_parse_the_same_however_they_are_split(int seed)
    {
        var random = new Random(seed);
        var scratch = new PacketScratch();
        for (int i = 0; i < PacketsPerSeed; i++)
        {
            var (bytes, version, sender) = AnyPacket.Of(random);
            string whole = Wire.Describe(Wire.Cut(bytes), version, sender);
            int[] cuts = [.. Enumerable.Range(0, random.Next(1, 6)).Select(_ => random.Next(bytes.Length + 1)).Order()];
            var buffer = Wire.Split(bytes, cuts);
            Assert.True(Framing.TryRead(ref buffer, Wire.MaxPacketBytes, out var packet, random.Next(2) == 0 ? scratch : null));
            Assert.True(buffer.IsEmpty);
            Assert.True(whole == Wire.Describe(packet, version, sender), $"seed {seed}, packet {i}: {Convert.ToHexString(bytes)} cut at {string.Join(',', cuts)}");
        }
    }

    [Theory, MemberData(nameof(Seeds))]
    public void Part_of_a_packet_waits_for_the_rest(int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < PacketsPerSeed; i++)
        {
            byte[] bytes = AnyPacket.Of(random).Bytes;
            var part = new ReadOnlySequence<byte>(bytes, 0, random.Next(bytes.Length));
            var buffer = part;
            Assert.False(Framing.TryRead(ref buffer, Wire.MaxPacketBytes, out _));
            Assert.Equal(part, buffer);
        }
    }

    [Fact]
    public void Packets_are_cut_one_after_another()
    {
        var buffer = new ReadOnlySequence<byte>(Wire.Hex("C000 300400016178 C0"));
        Assert.True(Framing.TryRead(ref buffer, Wire.MaxPacketBytes, out var first));
        Assert.True(Framing.TryRead(ref buffer, Wire.MaxPacketBytes, out var second));
        Assert.False(Framing.TryRead(ref buffer, Wire.MaxPacketBytes, out _));
        Assert.Equal((PacketType.PingReq, PacketType.Publish, 1), (first.Type, second.Type, (int)buffer.Length));
    }

    /// <summary>The table of 2.2.2.2, cell by cell: a property where it belongs comes back, anywhere else it is a protocol error.</summary>
    [Fact]
    public void Every_property_is_read_where_it_belongs_and_refused_elsewhere()
    {
        var random = new Random(7);
        foreach (var owner in Enum.GetValues<PropertyOwner>())
        {
            foreach (var id in Enum.GetValues<PropertyId>())
            {
                var builder = new PropertyBuilder();
                AnyPacket.AddAny(random, builder, id);
                if (id == PropertyId.AuthenticationData) builder.Add(PropertyId.AuthenticationMethod, "m");
                var written = builder.Properties;
                byte[] body = [(byte)written.Bytes.Length, .. written.Bytes];
                if (PropertyRules.Allows(owner, id))
                {
                    Assert.True(Read(body, owner, out byte[] read), $"{id} in {owner}");
                    Assert.Equal(body[1..], read);
                }
                else
                {
                    var refused = Assert.Throws<MqttProtocolException>(() => Read(body, owner, out _));
                    Assert.Equal(ReasonCode.ProtocolError, refused.Reason);
                }
            }
        }

        static bool Read(byte[] body, PropertyOwner owner, out byte[] bytes)
        {
            var reader = new BodyReader(body);
            bytes = Properties.Read(ref reader, owner).Bytes.ToArray();
            return reader.AtEnd;
        }
    }

    [Fact]
    public void A_refusal_reaches_a_client_of_3_1_1_as_the_nearest_return_code()
    {
        var codes = new Dictionary<ReasonCode, byte>
        {
            [ReasonCode.Success] = 0,
            [ReasonCode.UnsupportedProtocolVersion] = 1,
            [ReasonCode.ClientIdentifierNotValid] = 2,
            [ReasonCode.ServerBusy] = 3,
            [ReasonCode.QuotaExceeded] = 3,
            [ReasonCode.BadUserNameOrPassword] = 4,
            [ReasonCode.NotAuthorized] = 5,
        };
        foreach (var (reason, code) in codes)
        {
            byte[] bytes = Wire.Write(output => new ConnAckPacket { ReasonCode = reason }.WriteTo(output, MqttVersion.V311));
            Assert.Equal([0x20, 2, 0, code], bytes);
        }
        byte[] suback = Wire.Write(output =>
            new SubAckPacket { Type = PacketType.SubAck, PacketId = 1, ReasonCodes = [ReasonCode.NotAuthorized] }.WriteTo(output, MqttVersion.V311));
        Assert.Equal(Wire.Hex("90 03 0001 80"), suback);
    }

    [Fact]
    public void What_is_forwarded_leaves_out_what_belongs_to_the_publisher()
    {
        var published = new PropertyBuilder().Add(PropertyId.TopicAlias, 3).Add(PropertyId.MessageExpiryInterval, 60)
            .AddUserProperty("a", "1").Add(PropertyId.ContentType, "text/plain").AddUserProperty("a", "2");
        var forwarded = new PropertyBuilder().AddForwarded(published.Properties);
        var expected = new PropertyBuilder().AddUserProperty("a", "1").Add(PropertyId.ContentType, "text/plain").AddUserProperty("a", "2");
        Assert.Equal(expected.Properties.Bytes.ToArray(), forwarded.Properties.Bytes.ToArray());
    }
}
