using System.Text;
using Fleet.Interfaces.Rules;
using Fleet.Mqtt;
using Fleet.Silo.Api.Rollouts;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Fleet.Silo.Api.Rules;

/// <summary>
/// Reads a rule's definition from a body. What its values may be, the rule itself says; here is what the form alone decides.
/// </summary>
internal static class RuleReader
{
    private const int MaxFilterBytes = 1_024;

    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(10);
    public static readonly TimeSpan DefaultMaxAge = TimeSpan.FromDays(1);

    /// <summary>With the back-off in between they take about an hour.</summary>
    public const int DefaultMaxAttempts = 20;
    public const int DefaultConcurrency = 8;

    public static (RuleDefinition? Definition, ProblemHttpResult? Problem) Read(NewRuleBody body)
    {
        if (CheckFilter(body.TopicFilter) is { } wrongFilter) return (null, wrongFilter);
        var (action, wrongAction) = ReadAction(body.Action);
        if (action is null) return (null, wrongAction);
        if (body is { TopicFilter: null, BasicIngest: false })
            return (null, Problems.Invalid("basicIngest", "Must not be false without a topicFilter: the rule would take nothing."));
        if (body.Body is not (null or "payload" or "envelope"))
            return (null, Problems.Invalid("body", "Must be one of: payload, envelope."));
        TimeSpan timeout = DefaultTimeout, maxAge = DefaultMaxAge;
        if (body.Timeout is { } t && !IsoDuration.TryParse(t, out timeout))
            return (null, Problems.Invalid("timeout", $"Must be {IsoDuration.Grammar}."));
        if (body.MaxAge is { } a && !IsoDuration.TryParse(a, out maxAge))
            return (null, Problems.Invalid("maxAge", $"Must be {IsoDuration.Grammar}."));
        return (new RuleDefinition
        {
            TopicFilter = body.TopicFilter,
            Action = action,
            Body = body.Body == "envelope" ? RuleBody.Envelope : RuleBody.Payload,
            Timeout = timeout,
            MaxAttempts = body.MaxAttempts ?? DefaultMaxAttempts,
            MaxAge = maxAge,
            Concurrency = body.Concurrency ?? DefaultConcurrency,
            BasicIngest = body.BasicIngest ?? body.TopicFilter is null,
        }, null);
    }

    private static ProblemHttpResult? CheckFilter(string? text)
    {
        if (text is null) return null;
        if (Encoding.UTF8.GetByteCount(text) > MaxFilterBytes || TopicFilter.TryParse(text) is not { } filter)
            return Problems.Invalid("topicFilter", $"Must be a topic filter (MQTT 5.0, 4.7) of at most {MaxFilterBytes} bytes.");
        if (filter.IsShared)
            return Problems.Invalid("topicFilter", "Must not be a shared subscription: a rule gets every message that matches, once.");
        return text.StartsWith("$aws/rules/", StringComparison.Ordinal)
            ? Problems.Invalid(
                "topicFilter", "What is published to $aws/rules/{rule}/… goes to that rule alone, whatever its topic filter.")
            : null;
    }

    private static (RuleAction? Action, ProblemHttpResult? Problem) ReadAction(NewActionBody? body)
    {
        if (body is null) return (null, Problems.Invalid("action", "Must be given."));
        var headers = ImmutableSortedDictionary<string, string>.Empty.WithComparers(StringComparer.Ordinal);
        foreach (var (name, value) in body.Headers ?? ImmutableDictionary<string, string>.Empty)
        {
            if (value is null) return (null, Problems.Invalid($"action.headers.{name}", "Must be a string."));
            headers = headers.Add(name, value);
        }
        var secret = body.Secret is { } text ? new RuleSecret(text) : null;
        return (body.Webhook, body.Function) switch
        {
            ({ Url: { } url }, null) => (new RuleAction.Webhook(url, headers, secret), null),
            (null, { Endpoint: { } endpoint, Name: { } name }) => (new RuleAction.Function(endpoint, name, headers, secret), null),
            ({ Url: null }, null) => (null, Problems.Invalid("action.webhook.url", "Must be given.")),
            (null, { Endpoint: null }) => (null, Problems.Invalid("action.function.endpoint", "Must be given.")),
            (null, { }) => (null, Problems.Invalid("action.function.name", "Must be given.")),
            _ => (null, Problems.Invalid("action", "Must have exactly one of: webhook, function.")),
        };
    }
}
