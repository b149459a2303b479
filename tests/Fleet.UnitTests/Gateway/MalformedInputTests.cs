using System.Buffers;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Gateway;

/// <summary>
/// The malformed-input table of spec/security.md, 6.4, by its row numbers, as far as QoS 0 and 1 reach. "-" is a plain close; a code is that of a
/// 5.0 client's CONNACK (before it is let in) or DISCONNECT; other hex is the whole answer, the connection kept.
/// </summary>
public sealed class MalformedInputTests
{
    private readonly GatewayParts _parts = new();

    [Theory]
    [InlineData("1", "C0 00")]
    [InlineData("1", "40 02 00 01")]
    [InlineData("1", "30 03 00 01 61")]
    [InlineData("2", "10 FF FF FF 7F")]
    [InlineData("2", "30 FF FF FF 7F")]
    [InlineData("3", "10 80 80 80 80 01")]
    [InlineData("9", "10 0D 00 04 4D 51 54 54 04 03 00 3C 00 01 70")]
    [InlineData("10", "10 0D 00 04 4D 51 54 54 04 0A 00 3C 00 01 70")]
    [InlineData("11", "10 13 00 04 4D 51 54 54 04 1E 00 3C 00 01 70 00 01 74 00 01 6D")]
    [InlineData("12", "10 0D 00 04 4D 51 54 54 04 82 00 3C 00 01 70")]
    [InlineData("13", "10 10 00 04 4D 51 54 54 04 42 00 3C 00 01 70 00 01 78")]
    [InlineData("14", "10 07 00 04 4D 51 54 54 04 C2 00 3C 00 0B 74 65 73 74")]
    [InlineData("15", "10 0E 00 04 4D 51 54 54 04 02 00 3C 00 01 70 00")]
    [InlineData("17", "10 11 00 04 4D 51 54 54 04 02 00 3C 00 05 74 6F ED A0 80")]
    [InlineData("18", "10 0F 00 04 4D 51 54 54 04 02 00 3C 00 03 61 00 62")]
    public void Before_a_3_1_1_client_is_let_in_the_connection_closes_without_a_word(string row, string bytes)
    {
        var client = new TestClient(_parts);
        client.Send(bytes);
        Assert.True(client.IsClosed, $"row {row}");
        Assert.Equal("", client.ReadHex());
        Assert.Empty(client.Effects);
    }

    [Theory]
    [InlineData("7", "10 0D 00 04 4D 51 54 55 04 02 00 3C 00 01 70", "")]
    [InlineData("8", "10 0D 00 04 4D 51 54 54 06 02 00 3C 00 01 70", "20 02 00 01")]
    [InlineData("16", "10 0C 00 04 4D 51 54 54 04 00 00 3C 00 00", "20 02 00 02")]
    public void What_3_1_1_has_a_code_for_is_told(string row, string bytes, string answer)
    {
        var client = new TestClient(_parts);
        client.Send(bytes);
        Assert.True(client.IsClosed, $"row {row}");
        Assert.Equal(answer, client.ReadHex());
    }

    [Theory]
    [InlineData("9", "10 0E 00 04 4D 51 54 54 05 03 00 3C 00 00 01 70", 0x81)]
    [InlineData("11", "10 15 00 04 4D 51 54 54 05 1E 00 3C 00 00 01 70 00 00 01 74 00 01 6D", 0x81)]
    [InlineData("15", "10 0F 00 04 4D 51 54 54 05 02 00 3C 00 00 01 70 00", 0x81)]
    [InlineData("17", "10 12 00 04 4D 51 54 54 05 02 00 3C 00 00 05 74 6F ED A0 80", 0x81)]
    [InlineData("18", "10 10 00 04 4D 51 54 54 05 02 00 3C 00 00 03 61 00 62", 0x81)]
    [InlineData("20", "10 18 00 04 4D 51 54 54 05 02 00 3C 0A 11 00 00 00 01 11 00 00 00 01 00 01 70", 0x82)]
    [InlineData("21", "10 11 00 04 4D 51 54 54 05 02 00 3C 03 21 00 00 00 01 70", 0x82)]
    [InlineData("21", "10 13 00 04 4D 51 54 54 05 02 00 3C 05 27 00 00 00 00 00 01 70", 0x82)]
    [InlineData("23", "10 12 00 04 4D 51 54 54 05 02 00 3C 04 16 00 01 78 00 01 70", 0x82)]
    [InlineData("23", "10 15 00 04 4D 51 54 54 05 02 00 3C 07 15 00 04 6E 6F 6E 65 00 01 70", 0x8C)]
    [InlineData("24", "10 18 00 04 4D 51 54 54 05 06 00 3C 00 00 01 70 03 21 00 05 00 01 74 00 01 6D", 0x82)]
    [InlineData("25", "10 12 00 04 4D 51 54 54 05 02 00 3C 80 80 80 80 01 00 01 70", 0x81)]
    [InlineData("25", "10 0E 00 04 4D 51 54 54 05 02 00 3C 7F 00 01 70", 0x81)]
    [InlineData("26", "10 10 00 04 4D 51 54 54 05 02 00 3C 02 7F 00 00 01 70", 0x81)]
    [InlineData("8", "10 0E 00 04 4D 51 54 54 05 02 00 3C 00 00 01 24", 0x85)]
    public void Before_a_5_0_client_is_let_in_CONNACK_says_why(string row, string bytes, int code)
    {
        var client = new TestClient(_parts);
        client.Send(bytes);
        Assert.True(client.IsClosed, $"row {row}");
        byte[] answer = client.Read();
        Assert.Equal(0x20, answer[0]);
        Assert.Equal(code, answer[3]);
        Assert.Empty(client.Effects);
    }

    [Fact]
    public void Row_13_a_password_without_a_user_name_is_valid_in_5_0()
    {
        var client = new TestClient(_parts);
        client.Send("10 11 00 04 4D 51 54 54 05 42 00 3C 00 00 01 70 00 01 78");
        Assert.Single(client.Effects);
    }

    [Fact]
    public void Row_5_a_CONNECT_that_drips_in_is_cut_off()
    {
        var client = new TestClient(_parts);
        client.Send("10");
        _parts.Time.Advance(TimeSpan.FromSeconds(5));
        client.Tick();
        Assert.False(client.IsClosed);
        _parts.Time.Advance(TimeSpan.FromSeconds(1));
        client.Tick();
        Assert.True(client.IsClosed);
        Assert.Equal("", client.ReadHex());
    }

    [Fact]
    public void Row_22_a_client_that_cannot_take_CONNACK_gets_nothing()
    {
        var client = new TestClient(_parts);
        client.Send("10 13 00 04 4D 51 54 54 05 02 00 3C 05 27 00 00 00 02 00 01 70");
        client.Accept(GatewayParts.Plain());
        Assert.Equal("", client.ReadHex());
        Assert.True(client.IsClosed);
    }

    [Fact]
    public void Row_27_thousands_of_user_properties_are_refused()
    {
        byte[] properties = [.. Enumerable.Repeat<byte[]>([0x26, 0, 1, 0x61, 0, 1, 0x62], 2_000).SelectMany(p => p)];
        byte[] head = [0x00, 0x04, 0x4D, 0x51, 0x54, 0x54, 0x05, 0x02, 0x00, 0x3C, (byte)(0x80 | (properties.Length & 0x7F)), (byte)(properties.Length >> 7)];
        byte[] body = [.. head, .. properties, 0, 1, 0x70];
        var client = new TestClient(_parts);
        client.SendBytes([0x10, (byte)(0x80 | (body.Length & 0x7F)), (byte)(body.Length >> 7), .. body]);
        Assert.Equal(0x97, client.Read()[3]);
        Assert.True(client.IsClosed);
    }

    [Theory]
    [InlineData("3", "10 80 80 80 80 01", 0x81)]
    [InlineData("4", "C0 80 00", 0x81)]
    [InlineData("6", "10 0E 00 04 4D 51 54 54 05 02 00 3C 00 00 01 70", 0x82)]
    [InlineData("28", "36 05 00 01 74 00 01", 0x81)]
    [InlineData("29", "38 05 00 01 74 00 78", 0x81)]
    [InlineData("30", "30 04 00 00 00 78", 0x82)]
    [InlineData("31", "30 07 00 03 61 2F 23 00 78", 0x81)]
    [InlineData("32", "30 07 00 03 61 00 62 00 78", 0x81)]
    [InlineData("32", "30 07 00 03 61 C3 28 00 78", 0x81)]
    [InlineData("33", "30 07 FF FF 41 42 43 44 45", 0x81)]
    [InlineData("34", "32 07 00 05 74 6F 70 69 63", 0x81)]
    [InlineData("35", "32 07 00 01 74 00 00 00 78", 0x82)]
    [InlineData("36", "30 08 00 01 74 03 23 00 00 78", 0x94)]
    [InlineData("36", "30 08 00 01 74 03 23 00 09 78", 0x94)]
    [InlineData("37", "30 07 00 00 03 23 00 01 78", 0x82)]
    [InlineData("38", "30 07 00 01 74 02 0B 01 78", 0x82)]
    [InlineData("39", "30 0B 00 01 74 06 08 00 03 61 2F 23 78", 0x82)]
    [InlineData("40", "30 07 00 01 74 02 01 02 78", 0x82)]
    [InlineData("40", "30 07 00 01 74 02 01 01 FF", 0x99)]
    [InlineData("42", "30 FF FF 7F", 0x95)]
    [InlineData("44", "30 0A 00 06 24 53 59 53 2F 78 00 78", 0x87)]
    [InlineData("46", "80 06 00 01 00 01 70 00", 0x81)]
    [InlineData("47", "82 03 00 01 00", 0x82)]
    [InlineData("48", "82 06 00 01 00 00 01 70", 0x81)]
    [InlineData("49", "82 07 00 01 00 00 01 70 03", 0x81)]
    [InlineData("49", "82 07 00 01 00 00 01 70 40", 0x81)]
    [InlineData("49", "82 07 00 01 00 00 01 70 30", 0x82)]
    [InlineData("51", "82 10 00 01 00 00 0A 24 73 68 61 72 65 2F 67 2F 74 04", 0x82)]
    [InlineData("53", "82 09 00 01 02 0B 00 00 01 70 00", 0x82)]
    [InlineData("53", "82 07 00 00 00 00 01 70 00", 0x82)]
    [InlineData("54", "A2 03 00 01 00", 0x82)]
    [InlineData("54", "A0 06 00 01 00 00 01 70", 0x81)]
    [InlineData("55", "60 02 00 01", 0x81)]
    [InlineData("57", "20 02 00 00", 0x82)]
    [InlineData("57", "90 03 00 01 00", 0x82)]
    [InlineData("57", "D0 00", 0x82)]
    [InlineData("58", "C0 02 D0 00", 0x81)]
    [InlineData("59", "00 00", 0x82)]
    [InlineData("59", "F0 00", 0x82)]
    [InlineData("60", "E0 07 00 05 11 00 00 00 01", 0x82)]
    [InlineData("60", "E1 00", 0x81)]
    public void A_5_0_client_hears_in_DISCONNECT_what_it_did(string row, string bytes, int code)
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain());
        client.Send(bytes);
        byte[] answer = client.Read();
        Assert.True(client.IsClosed, $"row {row}");
        Assert.Equal(0xE0, answer[0]);
        Assert.True(code == answer[2], $"row {row}: 0x{answer[2]:X2} instead of 0x{code:X2}");
    }

    [Theory]
    [InlineData("4", "C0 80 00")]
    [InlineData("6", "10 0D 00 04 4D 51 54 54 04 02 00 3C 00 01 70")]
    [InlineData("28", "36 05 00 01 74 00 01")]
    [InlineData("29", "38 04 00 01 74 78")]
    [InlineData("30", "30 03 00 00 78")]
    [InlineData("31", "30 06 00 03 61 2F 23 78")]
    [InlineData("32", "30 06 00 03 61 00 62 78")]
    [InlineData("35", "32 06 00 01 74 00 00 78")]
    [InlineData("42", "30 FF FF 7F")]
    [InlineData("44", "30 0B 00 08 24 73 68 61 72 65 2F 67 78")]
    [InlineData("46", "80 06 00 01 00 01 70 00")]
    [InlineData("47", "82 02 00 01")]
    [InlineData("49", "82 06 00 01 00 01 70 03")]
    [InlineData("53", "82 06 00 00 00 01 70 00")]
    [InlineData("54", "A2 02 00 01")]
    [InlineData("55", "60 02 00 01")]
    [InlineData("57", "D0 00")]
    [InlineData("58", "C0 02 D0 00")]
    [InlineData("59", "F0 00")]
    public void A_3_1_1_client_is_cut_off_without_a_word(string row, string bytes)
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain(), MqttVersion.V311);
        client.Send(bytes);
        Assert.True(client.IsClosed, $"row {row}");
        Assert.Equal("", client.ReadHex());
    }

    [Theory]
    [InlineData("44", MqttVersion.V5, "32 0C 00 06 24 53 59 53 2F 78 00 01 00 78", "40", 0x87)]
    [InlineData("50", MqttVersion.V5, "82 08 00 01 00 00 02 61 23 00", "90", 0x8F)]
    [InlineData("50", MqttVersion.V5, "82 0B 00 01 00 00 05 61 2F 23 2F 62 00", "90", 0x8F)]
    [InlineData("50", MqttVersion.V311, "82 07 00 01 00 02 61 23 00", "90", 0x80)]
    [InlineData("50", MqttVersion.V311, "82 07 00 01 00 02 2B 61 00", "90", 0x80)]
    [InlineData("52", MqttVersion.V5, "82 0F 00 01 00 00 09 24 73 68 61 72 65 2F 2F 74 00", "90", 0x8F)]
    [InlineData("56", MqttVersion.V5, "62 02 00 07", "70", 0x92)]
    public void Some_faults_are_answered_and_the_connection_stays(string row, MqttVersion version, string bytes, string type, int code)
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain(), version);
        client.Send(bytes);
        byte[] answer = client.Read();
        Assert.False(client.IsClosed, $"row {row}");
        Assert.Equal(type, $"{answer[0]:X2}");
        Assert.Contains((byte)code, answer[4..]);
    }

    [Fact]
    public void Row_56_a_3_1_1_PUBREL_of_nothing_is_completed()
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain(), MqttVersion.V311);
        client.Send("62 02 00 07");
        Assert.Equal("70 02 00 07", client.ReadHex());
    }

    [Fact]
    public void Row_45_thirty_two_thousand_levels_are_too_many_and_nothing_worse()
    {
        string topic = new('/', 32_000);
        var publisher = TestClient.Connected(_parts, GatewayParts.Plain());
        publisher.Publish(topic);
        Assert.Equal(0x90, publisher.Read()[2]);
        var subscriber = TestClient.Connected(_parts, GatewayParts.Plain());
        subscriber.Subscribe(topic);
        Assert.Equal(0x8F, subscriber.Read()[^1]);
        Assert.False(subscriber.IsClosed);
    }

    [Fact]
    public void Row_63_a_packet_may_come_in_pieces_and_pieces_may_hold_packets()
    {
        var client = TestClient.Connected(_parts, GatewayParts.Plain());
        client.Send("C0 00 C0 00");
        Assert.Equal("D0 00 D0 00", client.ReadHex());
        var left = client.SendSequence(new ReadOnlySequence<byte>([0x30, 0x80, 0x20, 1, 2, 3]));
        Assert.Equal(6, left.Length);
        Assert.False(client.IsClosed);
    }

    /// <summary>Random bytes are answered or end the connection; no other outcome, and no other client notices.</summary>
    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(4)]
    public void Strangers_bytes_never_throw(int seed)
    {
        var random = new Random(seed);
        var bystander = TestClient.Connected(_parts, GatewayParts.Plain("bystander"));
        bystander.Subscribed("t");
        for (int round = 0; round < 500; round++)
        {
            var version = random.Next(2) == 0 ? MqttVersion.V5 : MqttVersion.V311;
            var client = TestClient.Connected(_parts, GatewayParts.Plain($"c{round}"), version);
            for (int i = 0; i < 20 && !client.IsClosed; i++)
            {
                byte[] bytes = new byte[random.Next(1, 40)];
                random.NextBytes(bytes);
                bytes[0] = (byte)(random.Next(16) << 4 | (random.Next(3) == 0 ? random.Next(16) : 2));
                if (bytes.Length > 1) bytes[1] = (byte)(bytes.Length - 2);
                client.SendBytes(bytes);
            }
            client.Lose();
        }
        bystander.Publish("t", "still here");
        Assert.Contains("t=still here", bystander.ReadMessages());
    }
}
