using System.Formats.Cbor;
using System.Text;
using Fleet.Gateway.AwsTopics;

namespace Fleet.UnitTests.Gateway;

/// <summary>spec/aws-iot-topics.md, 3.2.</summary>
public sealed class StreamRequestTests
{
    [Theory]
    [InlineData("130080"), InlineData("0x130080"), InlineData("0X130080")]
    public void The_bitmap_of_the_guide_means_blocks_20_21_24_and_43(string bitmap)
    {
        var request = Json($$"""{"f":0,"l":256,"o":20,"b":"{{bitmap}}"}""");
        Assert.Equal([20, 21, 24, 43], request.Blocks(1_000_000));
    }

    [Fact]
    public void At_most_n_blocks_of_the_bitmap_are_sent() =>
        Assert.Equal([20, 21], Json("""{"f":0,"l":256,"o":20,"b":"130080","n":2}""").Blocks(1_000_000));

    [Fact]
    public void A_request_is_cut_at_128_KiB() =>
        Assert.Equal(Enumerable.Range(0, 32), Json("""{"f":0,"l":4096,"o":0,"n":1000}""").Blocks(10_000_000));

    [Fact]
    public void What_lies_past_the_end_is_left_out() => Assert.Equal([2, 3], Json("""{"f":0,"l":4096,"o":2,"n":9}""").Blocks(4 * 4096 - 1));

    [Fact]
    public void Nothing_inside_the_file_is_nothing() => Assert.Empty(Json("""{"f":0,"l":4096,"o":4,"n":9}""").Blocks(4 * 4096));

    [Fact]
    public void Without_n_or_bitmap_as_many_as_fit_are_sent() => Assert.Equal(32, Json("""{"f":0,"l":4096}""").Blocks(10_000_000).Count());

    [Fact]
    public void The_embedded_library_s_constant_bitmap_is_taken_literally()
    {
        var writer = new CborWriter();
        writer.WriteStartMap(6);
        writer.WriteTextString("c"); writer.WriteTextString("rdy");
        writer.WriteTextString("f"); writer.WriteInt32(0);
        writer.WriteTextString("l"); writer.WriteInt32(4096);
        writer.WriteTextString("o"); writer.WriteInt32(7);
        writer.WriteTextString("b"); writer.WriteByteString("MQ=="u8);
        writer.WriteTextString("n"); writer.WriteInt32(1);
        writer.WriteEndMap();
        var request = StreamRequest.TryParse(writer.Encode(), PayloadFormat.Cbor, out _)!;
        Assert.Equal("rdy", request.ClientToken);
        Assert.Equal([7], request.Blocks(1_000_000));
    }

    [Fact]
    public void A_token_that_is_half_a_surrogate_pair_is_refused()
    {
        Assert.Null(StreamRequest.TryParse("""{"c":"\ud800","f":0,"l":256}"""u8.ToArray(), PayloadFormat.Json, out var refusal));
        Assert.Equal(("InvalidJson", null), (refusal!.Code, refusal.ClientToken));
    }

    [Fact]
    public void A_text_bitmap_in_cbor_is_told_apart()
    {
        var writer = new CborWriter();
        writer.WriteStartMap(1);
        writer.WriteTextString("b"); writer.WriteTextString("MQ==");
        writer.WriteEndMap();
        Assert.Null(StreamRequest.TryParse(writer.Encode(), PayloadFormat.Cbor, out var refusal));
        Assert.Equal("InvalidCbor", refusal?.Code);
    }

    [Theory]
    [InlineData("""{"l":4096}""", "InvalidRequest")]
    [InlineData("""{"f":0}""", "InvalidRequest")]
    [InlineData("""{"f":256,"l":4096}""", "InvalidRequest")]
    [InlineData("""{"f":0,"l":255}""", "BlockSizeOutOfBounds")]
    [InlineData("""{"f":0,"l":131073}""", "BlockSizeOutOfBounds")]
    [InlineData("""{"f":0,"l":4096,"o":98305}""", "OffsetOutOfBounds")]
    [InlineData("""{"f":0,"l":4096,"n":98305}""", "BlockCountLimitExceeded")]
    public void Each_field_has_its_fault(string json, string code) => Assert.Equal(code, Json(json).Check()?.Code);

    [Fact]
    public void A_bitmap_of_12288_bytes_is_too_long() =>
        Assert.Equal("BlockBitmapLimitExceeded", Json($$"""{"f":0,"l":4096,"b":"{{new string('0', 2 * 12_288)}}"}""").Check()?.Code);

    private static StreamRequest Json(string json)
    {
        var request = StreamRequest.TryParse(Encoding.UTF8.GetBytes(json), PayloadFormat.Json, out var refusal);
        Assert.Null(refusal);
        return request!;
    }
}
