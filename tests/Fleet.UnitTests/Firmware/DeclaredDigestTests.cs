using Fleet.Silo.Api.Firmware;
using Microsoft.AspNetCore.Http;

namespace Fleet.UnitTests.Firmware;

public sealed class DeclaredDigestTests
{
    // printf x | sha256sum; printf x | openssl dgst -sha256 -binary | base64
    private const string Hex = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    private const string Base64 = "LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=";

    [Theory]
    [InlineData(Hex, null)]
    [InlineData("2D711642B726B04401627CA9FBAC32F5C8530FB1903CC4DB02258717921A4881", null)]
    [InlineData(null, $"sha-256=:{Base64}:")]
    [InlineData(null, $"sha-512=:AAAA:, sha-256=:{Base64}:;extra=1")]
    [InlineData(null, $"sha-256=:AAAA:,sha-256=:{Base64}:")]
    public void It_is_read_from_either_place(string? query, string? header)
    {
        var digest = Assert.Single(Read(query, header, out var bad)!.Value);
        Assert.Null(bad);
        Assert.Equal((query is null ? "Content-Digest" : "sha256", Hex), (digest.Field, digest.Sha256));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("", "")]
    [InlineData(null, "sha-512=:AAAA:")]
    [InlineData(null, "unheard-of")]
    public void Nothing_that_can_be_checked_is_no_declaration(string? query, string? header) => Assert.Empty(Read(query, header, out _)!.Value);

    [Fact]
    public void Both_are_checked() => Assert.Equal(2, Read(Hex, $"sha-256=:{Base64}:", out _)!.Value.Length);

    [Theory]
    [InlineData("abc", null, "sha256")]
    [InlineData("zd711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", null, "sha256")]
    [InlineData(null, "sha-256", "Content-Digest")]
    [InlineData(null, "sha-256=", "Content-Digest")]
    [InlineData(null, "sha-256=:", "Content-Digest")]
    [InlineData(null, "sha-256=::", "Content-Digest")]
    [InlineData(null, "sha-256=:AAAA:", "Content-Digest")]
    [InlineData(null, "sha-256=:!!!!:", "Content-Digest")]
    [InlineData(null, $"sha-256={Base64}", "Content-Digest")]
    [InlineData(null, $"sha-256=:{Base64}{Base64}{Base64}{Base64}:", "Content-Digest")]
    public void A_malformed_one_is_named(string? query, string? header, string field)
    {
        Assert.Null(Read(query, header, out var bad));
        Assert.Equal(field, bad);
    }

    private static ImmutableArray<DeclaredDigest>? Read(string? query, string? header, out string? badField)
    {
        var request = new DefaultHttpContext().Request;
        if (query is not null) request.QueryString = QueryString.Create("sha256", query);
        if (header is not null) request.Headers["Content-Digest"] = header;
        return DeclaredDigest.TryRead(request, out var digests, out badField) ? digests : null;
    }
}
