using Fleet.Gateway.Downloads;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Fleet.UnitTests.Gateway;

/// <summary>RFC 9110, section 14.</summary>
public sealed class ByteRangeTests
{
    [Theory]
    [InlineData(null, "Whole 0+1000")]
    [InlineData("bytes=0-99", "Partial 0+100")]
    [InlineData("bytes=900-", "Partial 900+100")]
    [InlineData("bytes=900-5000", "Partial 900+100")]
    [InlineData("bytes=-100", "Partial 900+100")]
    [InlineData("bytes=-5000", "Partial 0+1000")]
    [InlineData("bytes=1000-", "Unsatisfiable 0+0")]
    [InlineData("bytes=-0", "Unsatisfiable 0+0")]
    [InlineData("bytes=0-1,5-6", "Whole 0+1000")]
    [InlineData("items=0-1", "Whole 0+1000")]
    [InlineData("bytes=9-1", "Whole 0+1000")]
    [InlineData("nonsense", "Whole 0+1000")]
    public void A_single_range_is_served(string? range, string expected) => Assert.Equal(expected, Range(range, null));

    [Theory, InlineData("\"etag\"", "Partial 0+100"), InlineData("\"other\"", "Whole 0+1000"), InlineData("W/\"etag\"", "Whole 0+1000")]
    public void If_Range_needs_the_same_file(string condition, string expected) => Assert.Equal(expected, Range("bytes=0-99", condition));

    private static string Range(string? range, string? condition)
    {
        var request = new DefaultHttpContext().Request;
        if (range is not null) request.Headers.Range = range;
        if (condition is not null) request.Headers.IfRange = condition;
        var result = ByteRange.Of(request, 1_000, new EntityTagHeaderValue("\"etag\""));
        return $"{result.Kind} {result.Offset}+{result.Length}";
    }
}
