using System.Text;
using Fleet.Grains.Rules;
using Fleet.Interfaces.Rules;

namespace Fleet.UnitTests.Rules;

/// <summary>What goes out, whole: receivers are written against it.</summary>
public sealed class RuleRequestTests
{
    [Fact]
    public async Task A_webhook_gets_the_payload_as_it_is_and_the_rest_in_headers() => Assert.Equal("""
        POST https://ingest.example.com/t?site=1
        Authorization: Bearer x
        Fleet-Attempt: 3
        Fleet-Client-Id: amr-7
        Fleet-Message-Id: 0123456789abcdef0123456789abcdef
        Fleet-Received-At: 2026-07-01T11:59:58.250Z
        Fleet-Rule: telemetry
        Fleet-Signature: t=1782907200,v1=808371c684f97e7d918b738378778441677034310bbb61adf1816a6a621fb707
        Fleet-Topic: factory/%E6%9D%B1%20/100%25
        User-Agent: Fleet/1
        Content-Type: application/json

        {"temperature": 24.5}
        """.ReplaceLineEndings("\n"), await Text(Given.Webhook("https://ingest.example.com/t?site=1", secret: "0123456789abcdef", ("Authorization", "Bearer x")), Given.Message with
    {
        Topic = "factory/東 /100%",
    }));

    [Fact]
    public async Task A_function_is_called_as_lambda_is_without_waiting_for_it() => Assert.Equal("""
        POST http://localhost:4566/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Afunction%3Aon-telemetry/invocations
        Fleet-Attempt: 3
        Fleet-Message-Id: 0123456789abcdef0123456789abcdef
        Fleet-Received-At: 2026-07-01T11:59:58.250Z
        Fleet-Rule: telemetry
        Fleet-Topic: factory/1
        User-Agent: Fleet/1
        X-Amz-Invocation-Type: Event
        Content-Type: application/json

        {"ruleName":"telemetry","topic":"factory/1","messageId":"0123456789abcdef0123456789abcdef","receivedAt":"2026-07-01T11:59:58.25Z","payload":{"temperature": 24.5}}
        """.ReplaceLineEndings("\n"), await Text(Given.Definition with
    {
        Action = new RuleAction.Function("http://localhost:4566/", "arn:aws:lambda:eu-west-1:000000000000:function:on-telemetry", Given.NoHeaders, null),
        Body = RuleBody.Envelope,
    }, Given.Message with { ClientId = null }));

    [Theory]
    [InlineData("plain", null, "application/octet-stream")]
    [InlineData("", null, "application/octet-stream")]
    [InlineData("[1, 2", null, "application/octet-stream")]
    [InlineData("24.5", null, "application/json")]
    [InlineData("plain", "text/plain; charset=utf-8", "text/plain; charset=utf-8")]
    [InlineData("{}", "no media type", "application/json")]
    [InlineData("{}", "text/plain\r\nFleet-Rule: forged", "application/json")]
    public void The_content_type_is_the_publishers_or_what_the_payload_is(string payload, string? said, string expected)
    {
        using var request = Request(Given.Definition, Given.Message with { Payload = Encoding.UTF8.GetBytes(payload), ContentType = said });
        Assert.Equal(expected, request.Content!.Headers.ContentType!.ToString());
    }

    [Fact]
    public async Task What_is_no_json_is_base64_in_an_envelope()
    {
        string text = await Text(Given.Definition with { Body = RuleBody.Envelope }, Given.Message with { Payload = new byte[] { 0xFF, 0x00 }, ContentType = "image/x" });
        Assert.EndsWith("\"contentType\":\"image/x\",\"payloadBase64\":\"/wA=\"}", text, StringComparison.Ordinal);
    }

    [Fact]
    public void A_client_cannot_put_a_header_into_the_request()
    {
        using var request = Request(Given.Definition, Given.Message with { ClientId = "a\r\nFleet-Rule: forged", Topic = "t\nx" });
        Assert.Equal("a%0D%0AFleet-Rule:%20forged", request.Headers.GetValues("Fleet-Client-Id").Single());
        Assert.Equal("t%0Ax", request.Headers.GetValues("Fleet-Topic").Single());
    }

    /// <summary>Computed by openssl: <c>printf '%s' '1782907200.hello' | openssl dgst -sha256 -hmac 0123456789abcdef</c>.</summary>
    [Fact]
    public void The_signature_is_the_hmac_of_time_and_body() => Assert.Equal(
        "t=1782907200,v1=389a69165668efed5f84b73ae4ab28d52e8897979df52c1ede9c3b2400c58b17", RuleSignature.Of(new("0123456789abcdef"), Given.Noon, "hello"u8));

    [Fact]
    public void No_secret_is_in_the_text_of_a_definition() =>
        Assert.DoesNotContain("0123456789abcdef", Given.Webhook("https://x", "0123456789abcdef").ToString(), StringComparison.Ordinal);

    private static HttpRequestMessage Request(RuleDefinition definition, QueuedMessage message) =>
        RuleRequest.Of(Given.Rule, definition, message, attempt: 3, Given.Noon);

    private static async Task<string> Text(RuleDefinition definition, QueuedMessage message)
    {
        using var request = Request(definition, message);
        var headers = request.Headers.OrderBy(h => h.Key, StringComparer.Ordinal).Select(h => $"{h.Key}: {string.Join(", ", h.Value)}\n");
        return $"{request.Method} {request.RequestUri!.AbsoluteUri}\n{string.Concat(headers)}Content-Type: {request.Content!.Headers.ContentType}\n\n{await request.Content.ReadAsStringAsync()}";
    }
}
