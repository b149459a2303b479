using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using Fleet.Interfaces.Rules;

namespace Fleet.Grains.Rules;

/// <summary>The HTTP request of one attempt.</summary>
internal static class RuleRequest
{
    private static readonly ProductInfoHeaderValue Agent = new("Fleet", "1");

    /// <param name="attempt">From 1.</param>
    public static HttpRequestMessage Of(RuleName rule, RuleDefinition definition, QueuedMessage message, int attempt, DateTimeOffset now)
    {
        bool enveloped = definition.Body is RuleBody.Envelope;
        var body = enveloped ? RuleEnvelope.Of(rule, message) : message.Payload;
        var request = new HttpRequestMessage(HttpMethod.Post, TargetOf(definition.Action)) { Content = new ReadOnlyMemoryContent(body) };
        request.Content.Headers.ContentType = enveloped ? Json : ContentTypeOf(message);
        var headers = request.Headers;
        headers.UserAgent.Add(Agent);
        // An asynchronous call: the answer says that the function will be called, and not what it made of it.
        if (definition.Action is RuleAction.Function) Add("X-Amz-Invocation-Type", "Event");
        Add("Fleet-Rule", rule.Value);
        Add("Fleet-Topic", Printable(message.Topic));
        if (message.ClientId is { } client) Add("Fleet-Client-Id", Printable(client));
        Add("Fleet-Message-Id", message.Id);
        Add("Fleet-Attempt", $"{attempt}");
        Add("Fleet-Received-At", message.ReceivedAt.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'"));
        if (definition.Action.Secret is { } secret) Add(RuleSignature.Header, RuleSignature.Of(secret, now, body.Span));
        foreach (var (name, value) in definition.Action.Headers) headers.TryAddWithoutValidation(name, value);
        return request;

        void Add(string name, string value) => headers.TryAddWithoutValidation(name, value);
    }

    private static MediaTypeHeaderValue Json => new("application/json");

    private static Uri TargetOf(RuleAction action) => action switch
    {
        RuleAction.Webhook webhook => new Uri(webhook.Url),
        RuleAction.Function function =>
            new Uri($"{function.Endpoint.TrimEnd('/')}/2015-03-31/functions/{Uri.EscapeDataString(function.Name)}/invocations"),
        _ => throw new UnreachableException(),
    };

    /// <summary>As the publisher said, if that is a media type; otherwise by what the payload is.</summary>
    private static MediaTypeHeaderValue ContentTypeOf(QueuedMessage message) =>
        message.ContentType is { } said && !said.AsSpan().ContainsAnyExceptInRange(' ', '~')
            && MediaTypeHeaderValue.TryParse(said, out var type) ? type
            : RuleEnvelope.IsJson(message.Payload.Span) ? Json : new MediaTypeHeaderValue("application/octet-stream");

    /// <summary>What is no printable ASCII, and the percent sign itself, as in a URL: %E6%9D%B1.</summary>
    private static string Printable(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange('!', '~') && !text.Contains('%')) return text;
        var escaped = new StringBuilder(text.Length * 2);
        foreach (byte b in Encoding.UTF8.GetBytes(text))
        {
            if (b is > (byte)' ' and <= (byte)'~' and not (byte)'%') escaped.Append((char)b);
            else escaped.Append('%').Append($"{b:X2}");
        }
        return escaped.ToString();
    }
}
