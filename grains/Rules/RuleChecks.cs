using System.Buffers;
using System.Net;
using Fleet.Interfaces.Rules;

namespace Fleet.Grains.Rules;

/// <summary>What a definition may say. Topic filters are checked where MQTT is known.</summary>
internal static class RuleChecks
{
    private const int MaxUrlCharacters = 2_048;
    private const int MaxHeaders = 20;
    private const int MaxHeaderValueCharacters = 2_048;
    private const int MaxNameCharacters = 170;

    // RFC 9110, 5.6.2
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

    /// <summary>Those of the connection and the body, which the sender makes; and names that the receiver is to trust.</summary>
    private static readonly string[] OwnHeaders =
    [
        "Host", "Connection", "Keep-Alive", "Transfer-Encoding", "TE", "Trailer", "Upgrade", "Expect", "User-Agent",
        "X-Amz-Invocation-Type",
    ];
    private static readonly string[] OwnPrefixes = ["Fleet-", "Content-", "Proxy-"];

    /// <returns>The first thing that is wrong; null if nothing is.</returns>
    public static RuleResult.Invalid? Check(RuleDefinition definition, RuleOptions options) => CheckTarget(definition.Action, options)
        ?? CheckHeaders(definition.Action.Headers)
        ?? CheckSecret(definition.Action.Secret)
        ?? CheckRange("timeout", definition.Timeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1), "PT1S to PT1M")
        ?? CheckRange("maxAttempts", definition.MaxAttempts, 1, 100, "1 to 100")
        ?? CheckRange("maxAge", definition.MaxAge, TimeSpan.FromMinutes(1), TimeSpan.FromDays(14), "PT1M to P14D")
        ?? CheckRange("concurrency", definition.Concurrency, 1, 64, "1 to 64");

    private static RuleResult.Invalid? CheckTarget(RuleAction action, RuleOptions options) => action switch
    {
        RuleAction.Webhook webhook => CheckUrl("action.webhook.url", webhook.Url, options),
        RuleAction.Function function => CheckUrl("action.function.endpoint", function.Endpoint, options) ?? CheckFunction(function),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static RuleResult.Invalid? CheckFunction(RuleAction.Function function)
    {
        if (new Uri(function.Endpoint).Query.Length > 0)
            return new("action.function.endpoint", "Must have no query: the function's path is put behind it.");
        return function.Name.Length is > 0 and <= MaxNameCharacters
            && function.Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or ':' or '$')
            ? null
            : new("action.function.name", $"Must be a function's name or ARN: 1 to {MaxNameCharacters} of a-z A-Z 0-9 - _ : $");
    }

    /// <summary>The receiver is wherever the operator says, but what is sent there must not be read on the way.</summary>
    private static RuleResult.Invalid? CheckUrl(string field, string text, RuleOptions options)
    {
        if (text.Length > MaxUrlCharacters || !Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Scheme is not ("https" or "http")
            || url.Host.Length == 0)
            return new(field, $"Must be an absolute https URL of at most {MaxUrlCharacters} characters.");
        if (url.UserInfo.Length > 0)
            return new(field, "Must hold no user name and password: put an Authorization header among the headers.");
        if (url.Fragment.Length > 0) return new(field, "Must have no fragment.");
        return url.Scheme == "https" || options.AllowHttp || IsLoopback(url)
            ? null
            : new(field, $"Must be https: plain http goes to loopback only, unless {RuleOptions.Section}:AllowHttp is true.");
    }

    private static bool IsLoopback(Uri url) =>
        url.Host == "localhost" || (IPAddress.TryParse(url.DnsSafeHost, out var address) && IPAddress.IsLoopback(address));

    private static RuleResult.Invalid? CheckHeaders(ImmutableSortedDictionary<string, string> headers)
    {
        if (headers.Count > MaxHeaders) return new("action.headers", $"At most {MaxHeaders}.");
        if (headers.Keys.Distinct(StringComparer.OrdinalIgnoreCase).Count() < headers.Count)
            return new("action.headers", "Names must differ in more than case.");
        foreach (var (name, value) in headers)
        {
            string field = $"action.headers.{name}";
            if (name.Length is 0 or > 128 || name.AsSpan().ContainsAnyExcept(TokenCharacters))
                return new(field, "Is no name of a header (RFC 9110, 5.6.2).");
            if (OwnHeaders.Contains(name, StringComparer.OrdinalIgnoreCase)
                || OwnPrefixes.Any(p => name.StartsWith(p, StringComparison.OrdinalIgnoreCase)))
                return new(field, "Is set by the service.");
            if (value.Length > MaxHeaderValueCharacters || value.AsSpan().ContainsAnyExceptInRange(' ', '~'))
                return new(field, $"A value has at most {MaxHeaderValueCharacters} printable ASCII characters.");
        }
        return null;
    }

    private static RuleResult.Invalid? CheckSecret(RuleSecret? secret) =>
        secret is null || (secret.Value.Length is >= 16 and <= 256 && !secret.Value.AsSpan().ContainsAnyExceptInRange('!', '~'))
            ? null : new("action.secret", "Must be 16 to 256 printable ASCII characters without spaces.");

    private static RuleResult.Invalid? CheckRange<T>(string field, T value, T least, T most, string range) where T : IComparable<T> =>
        value.CompareTo(least) < 0 || value.CompareTo(most) > 0 ? new(field, $"Must be {range}.") : null;
}
