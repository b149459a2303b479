using System.Buffers;
using System.Text;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Mqtt;

/// <summary>
/// The malformed inputs that need no connection to be judged (the others are tested with the channel). The number in front is the row
/// of the table of malformed inputs in the security reference. A 3.1.1 server only closes; the code is what the log says.
/// </summary>
public class MalformedInputTests
{
    private const MqttVersion V311 = MqttVersion.V311, V5 = MqttVersion.V5;
    private const ReasonCode Malformed = ReasonCode.MalformedPacket, Protocol = ReasonCode.ProtocolError;

    [Theory]
    // The fixed header.
    [InlineData("3", V5, "10 80808080 01", Malformed)]
    [InlineData("4", V311, "C0 8000", Malformed)]
    [InlineData("28", V311, "36 05 0001 74 0001", Malformed)]
    [InlineData("28", V5, "36 06 0001 74 0001 00", Malformed)]
    [InlineData("29", V311, "38 04 0001 74 78", Malformed)]
    [InlineData("46", V311, "80 06 0001 0001 70 00", Malformed)]
    [InlineData("54", V311, "A0 05 0001 0001 70", Malformed)]
    [InlineData("55", V311, "60 02 0001", Malformed)]
    [InlineData("57", V311, "20 02 0000", Protocol)]
    [InlineData("57", V311, "90 03 0001 00", Protocol)]
    [InlineData("57", V5, "D0 00", Protocol)]
    [InlineData("58", V311, "C0 02 D000", Malformed)]
    [InlineData("59", V311, "00 00", Protocol)]
    [InlineData("59", V311, "F0 00", Protocol)]
    [InlineData("59", V5, "F0 00", Protocol)]
    [InlineData("60", V5, "E1 00", Malformed)]
    [InlineData("60", V311, "E0 01 00", Malformed)]
    // CONNECT.
    [InlineData("7", V311, "10 0D 0004 4D515455 04 02 003C 0001 70", ReasonCode.UnsupportedProtocolVersion)]
    [InlineData("8", V311, "10 0D 0004 4D515454 06 02 003C 0001 70", ReasonCode.UnsupportedProtocolVersion)]
    [InlineData("9", V311, "10 0D 0004 4D515454 04 03 003C 0001 70", Malformed)]
    [InlineData("9", V5, "10 0E 0004 4D515454 05 03 003C 00 0001 70", Malformed)]
    [InlineData("10", V311, "10 0D 0004 4D515454 04 0A 003C 0001 70", Malformed)]
    [InlineData("10", V311, "10 0D 0004 4D515454 04 22 003C 0001 70", Malformed)]
    [InlineData("11", V311, "10 13 0004 4D515454 04 1E 003C 0001 70 0001 74 0001 6D", Malformed)]
    [InlineData("12", V311, "10 0D 0004 4D515454 04 82 003C 0001 70", Malformed)]
    [InlineData("13", V311, "10 10 0004 4D515454 04 42 003C 0001 70 0001 78", Malformed)]
    [InlineData("14", V311, "10 07 0004 4D515454 04", Malformed)]
    [InlineData("15", V311, "10 0E 0004 4D515454 04 02 003C 0001 70 00", Malformed)]
    [InlineData("15", V5, "10 0F 0004 4D515454 05 02 003C 00 0001 70 00", Malformed)]
    [InlineData("16", V311, "10 0C 0004 4D515454 04 00 003C 0000", ReasonCode.ClientIdentifierNotValid)]
    [InlineData("17", V311, "10 11 0004 4D515454 04 02 003C 0005 746FEDA080", Malformed)]
    [InlineData("17", V5, "10 12 0004 4D515454 05 02 003C 00 0005 746FEDA080", Malformed)]
    [InlineData("18", V311, "10 0F 0004 4D515454 04 02 003C 0003 610062", Malformed)]
    [InlineData("20", V5, "10 18 0004 4D515454 05 02 003C 0A 11 00000001 11 00000001 0001 70", Protocol)]
    [InlineData("21", V5, "10 11 0004 4D515454 05 02 003C 03 21 0000 0001 70", Protocol)]
    [InlineData("21", V5, "10 13 0004 4D515454 05 02 003C 05 27 00000000 0001 70", Protocol)]
    [InlineData("23", V5, "10 12 0004 4D515454 05 02 003C 04 16 0001 78 0001 70", Protocol)]
    [InlineData("24", V5, "10 18 0004 4D515454 05 06 003C 00 0001 70 03 21 0005 0001 74 0001 6D", Protocol)]
    [InlineData("25", V5, "10 12 0004 4D515454 05 02 003C 80808080 01 0001 70", Malformed)]
    [InlineData("25", V5, "10 0E 0004 4D515454 05 02 003C 7F 0001 70", Malformed)]
    [InlineData("26", V5, "10 10 0004 4D515454 05 02 003C 02 7F00 0001 70", Malformed)]
    [InlineData("64", V311, "10 13 0004 4D515454 04 06 003C 0001 70 0001 23 0001 6D", Malformed)]
    // PUBLISH.
    [InlineData("30", V311, "30 03 0000 78", Malformed)]
    [InlineData("30", V5, "30 04 0000 00 78", Protocol)]
    [InlineData("31", V311, "30 06 0003 612F23 78", Malformed)]
    [InlineData("31", V5, "30 07 0003 612F2B 00 78", Malformed)]
    [InlineData("32", V311, "30 06 0003 610062 78", Malformed)]
    [InlineData("32", V311, "30 06 0003 61C328 78", Malformed)]
    [InlineData("33", V311, "30 07 FFFF 4142434445", Malformed)]
    [InlineData("34", V311, "32 07 0005 746F706963", Malformed)]
    [InlineData("35", V311, "32 06 0001 74 0000 78", Protocol)]
    [InlineData("36", V5, "30 08 0001 74 03 23 0000 78", ReasonCode.TopicAliasInvalid)]
    [InlineData("38", V5, "30 07 0001 74 02 0B01 78", Protocol)]
    [InlineData("39", V5, "30 0B 0001 74 06 08 0003 612F23 78", Protocol)]
    [InlineData("40", V5, "30 07 0001 74 02 0102 78", Protocol)]
    // SUBSCRIBE and UNSUBSCRIBE.
    [InlineData("47", V311, "82 02 0001", Protocol)]
    [InlineData("47", V5, "82 03 0001 00", Protocol)]
    [InlineData("48", V5, "82 06 0001 00 0001 70", Malformed)]
    [InlineData("49", V311, "82 06 0001 0001 70 03", Malformed)]
    [InlineData("49", V311, "82 06 0001 0001 70 04", Malformed)]
    [InlineData("49", V5, "82 07 0001 00 0001 70 40", Malformed)]
    [InlineData("49", V5, "82 07 0001 00 0001 70 30", Protocol)]
    [InlineData("51", V5, "82 10 0001 00 000A 2473686172652F672F74 04", Protocol)]
    [InlineData("53", V5, "82 09 0001 02 0B00 0001 70 00", Protocol)]
    [InlineData("53", V311, "82 06 0000 0001 70 00", Protocol)]
    [InlineData("54", V311, "A2 02 0001", Protocol)]
    public void Bad_bytes_from_a_client_are_refused(string row, MqttVersion version, string hex, ReasonCode reason)
    {
        var refused = Assert.Throws<MqttProtocolException>(() => Receive(Wire.Hex(hex), version));
        Assert.True(reason == refused.Reason, $"row {row}: {refused.Reason}, {refused.Message}");
        Assert.Matches(@"\d\.\d|a field is longer|bytes after", refused.Message);
    }

    [Theory]
    [InlineData("13", V5, "10 11 0004 4D515454 05 42 003C 00 0001 70 0001 78")]
    [InlineData("16", V5, "10 0D 0004 4D515454 05 00 003C 00 0000")]
    [InlineData("19", V311, "10 0E 0004 4D515454 04 02 003C 0002 2E2A")]
    [InlineData("44", V311, "30 08 0006 245359532F78")]
    public void What_looks_bad_and_is_not_passes(string row, MqttVersion version, string hex) =>
        Assert.True(Receive(Wire.Hex(hex), version), $"row {row}");

    [Theory]
    [InlineData("50", V311, "82 07 0001 0002 6123 00")]
    [InlineData("50", V311, "82 0A 0001 0005 612F232F62 00")]
    [InlineData("50", V311, "82 07 0001 0002 2B61 00")]
    [InlineData("50", V311, "82 05 0001 0000 00")]
    [InlineData("52", V5, "82 0F 0001 00 0009 2473686172652F2F74 00")]
    [InlineData("52", V5, "82 0E 0001 00 0008 2473686172652F67 00")]
    [InlineData("52", V5, "82 10 0001 00 000A 2473686172652F2B2F74 00")]
    [InlineData("52", V5, "82 0F 0001 00 0009 2473686172652F672F 00")]
    public void A_bad_filter_is_no_end_of_the_connection_but_no_filter_either(string row, MqttVersion version, string hex) =>
        Assert.False(Receive(Wire.Hex(hex), version), $"row {row}");

    [Theory]
    [InlineData("2", "10 FFFFFF7F"), InlineData("2", "30 FFFFFF7F"), InlineData("42", "30 8108 0001")]
    public void A_declared_length_over_the_limit_is_refused_before_the_body_comes(string row, string hex)
    {
        var buffer = new ReadOnlySequence<byte>(Wire.Hex(hex));
        var refused = Assert.Throws<MqttProtocolException>(() => Framing.TryRead(ref buffer, 1024, out _));
        Assert.True(refused.Reason == ReasonCode.PacketTooLarge, $"row {row}");
    }

    [Fact]
    public void The_limit_counts_the_fixed_header()
    {
        byte[] bytes = Wire.Hex("30 03 0001 74");
        var buffer = new ReadOnlySequence<byte>(bytes);
        Assert.True(Framing.TryRead(ref buffer, bytes.Length, out _));
        buffer = new ReadOnlySequence<byte>(bytes);
        Assert.Throws<MqttProtocolException>(() => Framing.TryRead(ref buffer, bytes.Length - 1, out _));
    }

    [Fact]
    public void Row_27_ten_thousand_user_properties_are_refused_without_reading_them_all()
    {
        var properties = new PropertyBuilder();
        for (int i = 0; i < 10_000; i++) properties.AddUserProperty("n", "v");
        byte[] bytes = Wire.Write(output => new ConnectPacket { ClientId = "p"u8, Properties = properties.Properties }.WriteTo(output));
        Assert.Equal(ReasonCode.QuotaExceeded, Assert.Throws<MqttProtocolException>(() => Receive(bytes, V5)).Reason);
    }

    [Fact]
    public void Row_45_a_topic_of_32000_levels_is_counted_and_matched_without_recursion()
    {
        byte[] deep = Encoding.UTF8.GetBytes(new string('/', 32_000));
        Assert.Equal(32_001, TopicName.CountLevels(deep));
        var filters = new SubscriptionTree<string>();
        Assert.True(filters.Set(TopicFilter.TryParse(deep)!, "deep", default));
        Assert.True(filters.Set(TopicFilter.Parse("#"), "all", default));
        var matches = new List<SubscriptionMatch<string>>();
        filters.Match(deep, matches);
        Assert.Equal(["all", "deep"], matches.Select(match => match.Subscriber).Order());
        var names = new RetainedTree<string>();
        names.Set(deep, "kept");
        var walk = names.Walk(TopicFilter.Parse("#"));
        int looks = 32_001;
        Assert.True(names.TryNext(walk, ref looks, out string? kept));
        Assert.Equal(("kept", 0), (kept, looks));
    }

    [Theory]
    [InlineData("10 0E 0004 4D515454 05 03 003C 00 0001 70", 5)]
    [InlineData("10 07 0004 4D515454 04", 4)]
    [InlineData("10 0D 0004 4D515454 06 02 003C 0001 70", 6)]
    [InlineData("10 0D 0004 4D515455 04 02 003C 0001 70", null)]
    [InlineData("30 03 0001 74", null)]
    public void The_level_of_a_bad_CONNECT_is_known_so_that_the_answer_can_be_written_in_it(string hex, int? level) =>
        Assert.Equal((byte?)level, ConnectPacket.PeekProtocolLevel(Wire.Cut(Wire.Hex(hex))));

    [Theory]
    [InlineData("E0 07 00 05 11 00000001", Sender.Server), InlineData("E0 06 00 04 1C 0001 78", Sender.Client)]
    public void Properties_of_DISCONNECT_that_go_one_way_only(string hex, Sender wrong)
    {
        byte[] bytes = Wire.Hex(hex);
        Assert.Equal(Protocol, Assert.Throws<MqttProtocolException>(() => DisconnectPacket.Parse(Wire.Cut(bytes), V5, wrong)).Reason);
        Assert.False(DisconnectPacket.Parse(Wire.Cut(bytes), V5, wrong == Sender.Server ? Sender.Client : Sender.Server).Properties.IsEmpty);
    }

    [Theory]
    [InlineData("40 03 0001 01"), InlineData("62 03 0001 80"), InlineData("E0 01 01"), InlineData("90 04 0001 00 03"), InlineData("20 03 00 01 00")]
    [InlineData("20 03 01 87 00"), InlineData("F0 08 01 06 15 0003 616263")]
    public void Reason_codes_that_do_not_belong_to_their_packet(string hex) =>
        Assert.Equal(Protocol, Assert.Throws<MqttProtocolException>(() => Wire.Describe(Wire.Cut(Wire.Hex(hex)), V5, Sender.Server)).Reason);

    /// <returns>True unless a topic filter is none.</returns>
    private static bool Receive(byte[] bytes, MqttVersion version)
    {
        var packet = Wire.Cut(bytes);
        packet.DemandSentBy(Sender.Client, version);
        _ = Wire.Describe(packet, version, Sender.Client);
        return packet.Type != PacketType.Subscribe || AllFiltersValid(packet, version);
    }

    private static bool AllFiltersValid(scoped in Packet packet, MqttVersion version)
    {
        foreach (var entry in SubscribePacket.Parse(packet, version))
        {
            if (!TopicFilter.IsValid(entry.Filter)) return false;
        }
        return true;
    }
}
