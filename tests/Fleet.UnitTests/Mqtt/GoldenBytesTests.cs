using System.Buffers;
using System.Text;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Mqtt;

/// <summary>The examples printed in the two OASIS standards, byte for byte.</summary>
public class GoldenBytesTests
{
    [Theory]
    [InlineData(0, "00"), InlineData(127, "7F"), InlineData(128, "80 01"), InlineData(16_383, "FF 7F"), InlineData(16_384, "80 80 01")]
    [InlineData(2_097_151, "FF FF 7F"), InlineData(2_097_152, "80 80 80 01"), InlineData(268_435_455, "FF FF FF 7F")]
    public void Variable_byte_integers_have_the_sizes_of_table_1_1(int value, string hex)
    {
        byte[] bytes = Wire.Hex(hex);
        Assert.Equal(value, new BodyReader(bytes).ReadVariableByteInteger());
        Assert.Equal(bytes.Length, Framing.VariableByteIntegerLength(value));
        if (value > 0)
            Assert.Equal([0x0B, .. bytes], new PropertyBuilder().Add(PropertyId.SubscriptionIdentifier, (uint)value).Properties.Bytes.ToArray());
    }

    [Fact]
    public void The_string_of_figure_1_2()
    {
        var reader = new BodyReader(Wire.Hex("0005 41 F0AA9B94"));
        Assert.Equal("A\U0002A6D4", Encoding.UTF8.GetString(reader.ReadUtf8()));
    }

    [Fact]
    public void The_CONNECT_of_3_1_1_figure_3_6()
    {
        // Flags 0xCE: user name, password, will QoS 1, will, clean session; keep alive 10.
        byte[] bytes = Wire.Hex("10 1B 0004 4D515454 04 CE 000A 0001 63 0001 77 0001 6D 0001 75 0002 7077 ");
        bytes[1] = (byte)(bytes.Length - 2);
        var connect = ConnectPacket.Parse(Wire.Cut(bytes));
        Assert.Equal(MqttVersion.V311, connect.Version);
        Assert.True(connect.CleanStart && connect.HasWill && connect.HasUserName && connect.HasPassword && !connect.WillRetain);
        Assert.Equal((Qos.AtLeastOnce, 10), (connect.WillQos, connect.KeepAlive));
        Assert.Equal("c/w/m/u/pw", string.Join('/', Text(connect.ClientId), Text(connect.WillTopic), Text(connect.WillPayload), Text(connect.UserName), Text(connect.Password)));
        Assert.Equal(bytes, Wire.Rewrite(bytes, MqttVersion.V311, Sender.Client));
    }

    [Fact]
    public void The_CONNECT_of_5_0_figure_3_6()
    {
        byte[] bytes = Wire.Hex("10 00 0004 4D515454 05 CE 000A 05 11 0000000A 0001 63 00 0001 77 0001 6D 0001 75 0002 7077");
        bytes[1] = (byte)(bytes.Length - 2);
        var connect = ConnectPacket.Parse(Wire.Cut(bytes));
        Assert.Equal((MqttVersion.V5, 10u), (connect.Version, connect.Properties.SessionExpiryInterval!.Value));
        Assert.Equal(bytes, Wire.Rewrite(bytes, MqttVersion.V5, Sender.Client));
    }

    [Theory]
    [InlineData(MqttVersion.V311, "32 0A 0003 612F62 000A 616263")]
    [InlineData(MqttVersion.V5, "32 0B 0003 612F62 000A 00 616263")]
    public void The_PUBLISH_of_figure_3_11(MqttVersion version, string hex)
    {
        byte[] bytes = Wire.Hex(hex);
        var publish = PublishPacket.Parse(Wire.Cut(bytes), version, Sender.Client);
        Assert.Equal(("a/b", 10, "abc"), (Text(publish.Topic), publish.PacketId, Text(publish.Payload.ToArray())));
        Assert.Equal(bytes, Wire.Rewrite(bytes, version, Sender.Client));
        Assert.Equal(bytes.Length, publish.SizeIn(version));
    }

    [Theory]
    [InlineData(MqttVersion.V311, "82 0E 000A 0003 612F62 01 0003 632F64 02")]
    [InlineData(MqttVersion.V5, "82 0F 000A 00 0003 612F62 01 0003 632F64 02")]
    public void The_SUBSCRIBE_of_figure_3_23(MqttVersion version, string hex)
    {
        byte[] bytes = Wire.Hex(hex);
        var read = new List<(string, Qos)>();
        foreach (var entry in SubscribePacket.Parse(Wire.Cut(bytes), version)) read.Add((Text(entry.Filter), entry.Options.Qos));
        Assert.Equal([("a/b", Qos.AtLeastOnce), ("c/d", Qos.ExactlyOnce)], read);
        Assert.Equal(bytes, Wire.Rewrite(bytes, version, Sender.Client));
    }

    [Fact]
    public void The_SUBACK_of_3_1_1_figure_3_27()
    {
        byte[] bytes = Wire.Hex("90 05 000A 00 02 80");
        var suback = SubAckPacket.Parse(Wire.Cut(bytes), MqttVersion.V311);
        Assert.Equal([ReasonCode.Success, ReasonCode.GrantedQos2, ReasonCode.UnspecifiedError], suback.ReasonCodes.ToArray());
        Assert.Equal(bytes, Wire.Rewrite(bytes, MqttVersion.V311, Sender.Server));
    }

    [Theory]
    [InlineData(MqttVersion.V311, "A2 0C 000A 0003 612F62 0003 632F64")]
    [InlineData(MqttVersion.V5, "A2 0D 000A 00 0003 612F62 0003 632F64")]
    public void The_UNSUBSCRIBE_of_figure_3_30(MqttVersion version, string hex)
    {
        byte[] bytes = Wire.Hex(hex);
        var read = new List<string>();
        foreach (var filter in UnsubscribePacket.Parse(Wire.Cut(bytes), version)) read.Add(Text(filter));
        Assert.Equal(["a/b", "c/d"], read);
        Assert.Equal(bytes, Wire.Rewrite(bytes, version, Sender.Client));
    }

    [Theory]
    [InlineData(PacketType.PubAck, MqttVersion.V311, ReasonCode.Success, "40 02 1234")]
    [InlineData(PacketType.PubAck, MqttVersion.V5, ReasonCode.Success, "40 02 1234")]
    [InlineData(PacketType.PubAck, MqttVersion.V5, ReasonCode.NoMatchingSubscribers, "40 03 1234 10")]
    [InlineData(PacketType.PubRec, MqttVersion.V5, ReasonCode.Success, "50 02 1234")]
    [InlineData(PacketType.PubRel, MqttVersion.V311, ReasonCode.Success, "62 02 1234")]
    [InlineData(PacketType.PubComp, MqttVersion.V5, ReasonCode.PacketIdentifierNotFound, "70 03 1234 92")]
    public void Acknowledgements_leave_out_what_they_may(PacketType type, MqttVersion version, ReasonCode reason, string hex)
    {
        byte[] bytes = Wire.Write(output => new AckPacket { Type = type, PacketId = 0x1234, ReasonCode = reason }.WriteTo(output, version));
        Assert.Equal(Wire.Hex(hex), bytes);
        Assert.Equal(reason, AckPacket.Parse(Wire.Cut(bytes), version).ReasonCode);
    }

    private static string Text(ReadOnlySpan<byte> utf8) => Encoding.UTF8.GetString(utf8);
}
