using System.Formats.Cbor;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.DeviceSim.Agent.Fetch;

namespace Fleet.UnitTests.DeviceSim;

/// <summary>Bodies of spec/aws-iot-topics.md, 3.2 to 3.4.</summary>
public sealed class StreamMessagesTests
{
    [Fact]
    public void A_json_request_has_a_hex_bitmap()
    {
        var body = Encoding.UTF8.GetString(StreamMessages.Get(StreamFormat.Json, 0, 4096, new BlockRequest(20, 4, [0x13, 0x00, 0x80])));
        Assert.Equal("""{"f":0,"l":4096,"o":20,"n":4,"b":"130080"}""", body);
    }

    [Fact]
    public void A_cbor_request_has_a_byte_string()
    {
        var reader = new CborReader(StreamMessages.Get(StreamFormat.Cbor, 3, 65_536, new BlockRequest(2, 2, [0x05])));
        Assert.Equal(5, reader.ReadStartMap());
        var fields = new Dictionary<string, object>();
        while (reader.PeekState() != CborReaderState.EndMap)
        {
            var key = reader.ReadTextString();
            fields[key] = key == "b" ? Convert.ToHexString(reader.ReadByteString()) : reader.ReadInt32();
        }
        Assert.Equal(new Dictionary<string, object> { ["f"] = 3, ["l"] = 65_536, ["o"] = 2, ["n"] = 2, ["b"] = "05" }, fields);
    }

    [Theory, InlineData("json"), InlineData("cbor")]
    public void Data_is_read_and_unknown_members_are_skipped(string name)
    {
        var format = name == "json" ? StreamFormat.Json : StreamFormat.Cbor;
        Assert.True(StreamMessages.TryReadData(format, Data(format, length: 3), out var answer));
        var block = Assert.IsType<StreamAnswer.Block>(answer);
        Assert.Equal((7, 41, "010203"), (block.FileId, block.Number, Convert.ToHexString(block.Data.Span)));
    }

    [Theory, InlineData("json"), InlineData("cbor")]
    public void Data_with_another_length_than_it_says_is_nothing(string name)
    {
        var format = name == "json" ? StreamFormat.Json : StreamFormat.Cbor;
        Assert.False(StreamMessages.TryReadData(format, Data(format, length: 4), out _));
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3)]
    public void Random_bytes_are_nothing_and_never_an_exception(int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < 5_000; i++)
        {
            var valid = Data(i % 2 == 0 ? StreamFormat.Json : StreamFormat.Cbor, 3);
            valid[random.Next(valid.Length)] = (byte)random.Next(256);
            var cut = valid.AsMemory(0, random.Next(valid.Length + 1));
            StreamMessages.TryReadData(i % 2 == 0 ? StreamFormat.Json : StreamFormat.Cbor, cut, out _);
            Assert.NotNull(StreamMessages.ReadRejection(i % 2 == 0 ? StreamFormat.Json : StreamFormat.Cbor, cut));
        }
    }

    [Fact]
    public void A_rejection_is_read_under_its_short_and_its_long_names()
    {
        var both = new JsonObject { ["clientToken"] = "x", ["c"] = "x", ["code"] = "ResourceNotFound", ["o"] = "ResourceNotFound", ["message"] = "no", ["m"] = "no" };
        var @long = new JsonObject { ["code"] = "ResourceNotFound", ["message"] = "no" };
        foreach (var json in new[] { both, @long })
            Assert.Equal(new StreamAnswer.Rejected("ResourceNotFound", "no"), StreamMessages.ReadRejection(StreamFormat.Json, Encoding.UTF8.GetBytes(json.ToJsonString())));
        var writer = new CborWriter();
        writer.WriteStartMap(null);
        foreach (var text in new[] { "code", "VersionMismatch", "o", "VersionMismatch", "message", "no", "m", "no" }) writer.WriteTextString(text);
        writer.WriteEndMap();
        Assert.Equal(new StreamAnswer.Rejected("VersionMismatch", "no"), StreamMessages.ReadRejection(StreamFormat.Cbor, writer.Encode()));
    }

    private static byte[] Data(StreamFormat format, int length)
    {
        if (format == StreamFormat.Json) return Encoding.UTF8.GetBytes($$"""{"c":"t","x":{"y":[1]},"f":7,"l":{{length}},"i":41,"p":"AQID"}""");
        var writer = new CborWriter();
        writer.WriteStartMap(5);
        writer.WriteTextString("x");
        writer.WriteStartArray(1);
        writer.WriteInt32(1);
        writer.WriteEndArray();
        foreach (var (key, value) in new[] { ("f", 7), ("l", length), ("i", 41) })
        {
            writer.WriteTextString(key);
            writer.WriteInt32(value);
        }
        writer.WriteTextString("p");
        writer.WriteByteString([1, 2, 3]);
        writer.WriteEndMap();
        return writer.Encode();
    }
}
