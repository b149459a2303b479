using System.Text.Json.Serialization;
using Fleet.Grains.Rules;
using Fleet.Interfaces.Rules;
using Fleet.Silo.Api.Rollouts;

namespace Fleet.Silo.Api.Rules;

/// <summary>
/// A rule, as an operator writes it. It takes the place of the one of that name as a whole: what is left out, the secret
/// too, is as if it never was.
/// </summary>
/// <param name="TopicFilter">
/// Which messages it takes. Absent: only those published to $aws/rules/{rule}/….
/// </param>
/// <param name="Body">
/// What is sent: "payload" (the payload, byte for byte) or "envelope" (a JSON object with the payload, its topic, and whom it came from).
/// </param>
/// <param name="Timeout">For one attempt; PT1S to PT1M.</param>
/// <param name="MaxAttempts">1 to 100; what fails in the last one is a dead letter.</param>
/// <param name="MaxAge">PT1M to P14D; what has waited for longer is a dead letter.</param>
/// <param name="Concurrency">1 to 64 attempts under way at a time.</param>
/// <param name="BasicIngest">
/// Whether it takes what is published to $aws/rules/{rule}/…. By default it does if it has no topicFilter, and not if it has one.
/// </param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record NewRuleBody(
    string? TopicFilter, NewActionBody? Action, string? Body, string? Timeout, int? MaxAttempts, string? MaxAge, int? Concurrency,
    bool? BasicIngest);

/// <summary>Where the messages go: exactly one of webhook and function.</summary>
/// <param name="Headers">More headers of the request, at most 20. Their values are not shown again.</param>
/// <param name="Secret">
/// Signs each request in its header Fleet-Signature: 16 to 256 printable ASCII characters. It is not shown again.
/// </param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record NewActionBody(
    WebhookBody? Webhook, FunctionBody? Function, IReadOnlyDictionary<string, string>? Headers, string? Secret);

/// <param name="Url">https, or http to loopback. Redirections are not followed.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record WebhookBody(string? Url);

/// <summary>
/// A function that is called as AWS Lambda is, without waiting for it: POST {endpoint}/2015-03-31/functions/{name}/invocations.
/// </summary>
/// <param name="Name">Name or ARN.</param>
[JsonUnmappedMemberHandling(JsonUnmappedMemberHandling.Disallow)]
internal sealed record FunctionBody(string? Endpoint, string? Name);

/// <summary>A rule as it stands.</summary>
/// <param name="Version">Also in the ETag; grows with each change.</param>
internal sealed record RuleViewBody(
    string Name, long Version, bool Enabled, string? TopicFilter, ActionViewBody Action, string Body, string Timeout, int MaxAttempts,
    string MaxAge, int Concurrency, bool BasicIngest, DateTimeOffset CreatedAt, DateTimeOffset ChangedAt)
{
    public static RuleViewBody Of(RuleView view) => new(
        view.Name.Value, view.Version, view.Enabled, view.Definition.TopicFilter, ActionViewBody.Of(view.Definition.Action),
        Words.Of(view.Definition.Body), IsoDuration.Format(view.Definition.Timeout), view.Definition.MaxAttempts,
        IsoDuration.Format(view.Definition.MaxAge), view.Definition.Concurrency,
        view.Definition.BasicIngest || view.Definition.TopicFilter is null, view.CreatedAt, view.ChangedAt);
}

/// <param name="HeaderNames">Of the headers that were given; their values are not shown.</param>
/// <param name="Signed">Whether it has a secret.</param>
internal sealed record ActionViewBody(WebhookBody? Webhook, FunctionBody? Function, IReadOnlyList<string> HeaderNames, bool Signed)
{
    public static ActionViewBody Of(RuleAction action) => new(
        action is RuleAction.Webhook webhook ? new(webhook.Url) : null,
        action is RuleAction.Function function ? new(function.Endpoint, function.Name) : null,
        [.. action.Headers.Keys], action.Secret is not null);
}

/// <summary>How a rule's work stands.</summary>
/// <param name="Queued">Messages that wait, those in flight included.</param>
/// <param name="QueuedBytes">Of their payloads.</param>
/// <param name="Delivered">Since the rule was made.</param>
/// <param name="Failed">Given up since the rule was made, whatever became of them later.</param>
/// <param name="DeadLetters">Given up and still there.</param>
/// <param name="PausedUntil">The action failed again and again: nothing is tried before then. Absent while it is at work.</param>
internal sealed record RuleStatusBody(
    long Queued, long QueuedBytes, int InFlight, long Delivered, long Failed, long DeadLetters, string? LastError,
    DateTimeOffset? LastErrorAt, DateTimeOffset? PausedUntil)
{
    public static RuleStatusBody Of(RuleStatus status) => new(
        status.Queued, status.QueuedBytes, status.InFlight, status.Delivered, status.Failed, status.DeadLetters, status.LastError,
        status.LastErrorAt, status.PausedUntil);
}

/// <summary>A message that was given up, with the members that an AWS IoT error action has.</summary>
/// <param name="Id">The message's id, as the receiver saw it in Fleet-Message-Id.</param>
/// <param name="ClientId">Of the publisher; absent for a message of the service itself.</param>
/// <param name="Base64OriginalPayload">The payload as it was published.</param>
/// <param name="Attempts">That failed.</param>
internal sealed record DeadLetterBody(
    string Id, string RuleName, string Topic, string? ClientId, string? ContentType, string Base64OriginalPayload,
    IReadOnlyList<FailureBody> Failures, int Attempts, DateTimeOffset ReceivedAt, DateTimeOffset DiedAt)
{
    public static DeadLetterBody Of(RuleView rule, DeadLetter letter) => new(
        letter.Id, rule.Name.Value, letter.Topic, letter.ClientId, letter.ContentType, Convert.ToBase64String(letter.Payload.Span),
        [FailureBody.Of(rule.Definition.Action, letter.Error)], letter.Attempts, letter.ReceivedAt, letter.DiedAt);
}

/// <param name="FailedAction">webhook or function.</param>
/// <param name="FailedResource">The URL, without its query, or the function's name; as the rule has it now.</param>
/// <param name="ErrorMessage">How the last attempt failed.</param>
internal sealed record FailureBody(string FailedAction, string FailedResource, string ErrorMessage)
{
    public static FailureBody Of(RuleAction action, string error) => action switch
    {
        RuleAction.Webhook webhook => new("webhook", new Uri(webhook.Url).GetLeftPart(UriPartial.Path), error),
        RuleAction.Function function => new("function", function.Name, error),
        _ => throw new System.Diagnostics.UnreachableException(),
    };
}

/// <param name="Count">How many dead letters it was done to.</param>
internal sealed record CountBody(long Count);
