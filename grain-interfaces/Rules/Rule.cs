using System.Text.Json.Serialization;

namespace Fleet.Interfaces.Rules;

/// <summary>Which messages a rule takes, and what becomes of them.</summary>
[GenerateSerializer, Immutable, Alias("fleet.rule-definition")]
public sealed record RuleDefinition
{
    /// <summary>Null: it takes only what is published to <c>$aws/rules/{rule}/…</c>.</summary>
    [Id(0)] public required string? TopicFilter { get; init; }
    [Id(1)] public required RuleAction Action { get; init; }
    [Id(2)] public required RuleBody Body { get; init; }

    /// <summary>For one attempt, from the connection to the end of the answer's headers.</summary>
    [Id(3)] public required TimeSpan Timeout { get; init; }

    /// <summary>Attempts per message; what fails in the last one is a dead letter.</summary>
    [Id(4)] public required int MaxAttempts { get; init; }

    /// <summary>A message that has waited for longer is a dead letter.</summary>
    [Id(5)] public required TimeSpan MaxAge { get; init; }

    /// <summary>Attempts under way at a time.</summary>
    [Id(6)] public required int Concurrency { get; init; }

    /// <summary>
    /// Whether it takes what is published to <c>$aws/rules/{rule}/…</c>, beside its topic filter. Without one it does in any case.
    /// </summary>
    [Id(7)] public bool BasicIngest { get; init; }
}

/// <summary>What the body of the request is.</summary>
[GenerateSerializer, Alias("fleet.rule-body")]
public enum RuleBody
{
    /// <summary>The payload, byte for byte.</summary>
    Payload,

    /// <summary>A JSON object that holds the payload, its topic, and whom it came from.</summary>
    Envelope,
}

/// <summary>Where the messages go: an HTTP POST in each case.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "kind")]
[JsonDerivedType(typeof(Webhook), "webhook")]
[JsonDerivedType(typeof(Function), "function")]
[GenerateSerializer]
public abstract record RuleAction
{
    private RuleAction() { }

    /// <summary>More headers for the request. Their values may be secrets, so they are not shown again.</summary>
    public abstract ImmutableSortedDictionary<string, string> Headers { get; init; }

    /// <summary>Signs the request; null: it is not signed.</summary>
    public abstract RuleSecret? Secret { get; init; }

    [GenerateSerializer, Immutable, Alias("fleet.rule-action.webhook")]
    public sealed record Webhook(
        [property: Id(0)] string Url,
        [property: Id(1)] ImmutableSortedDictionary<string, string> Headers,
        [property: Id(2)] RuleSecret? Secret) : RuleAction;

    /// <summary>
    /// A call as AWS Lambda takes it, which does not wait for the function: <c>{Endpoint}/2015-03-31/functions/{Name}/invocations</c>.
    /// </summary>
    [GenerateSerializer, Immutable, Alias("fleet.rule-action.function")]
    public sealed record Function(
        [property: Id(0)] string Endpoint,
        [property: Id(1)] string Name,
        [property: Id(2)] ImmutableSortedDictionary<string, string> Headers,
        [property: Id(3)] RuleSecret? Secret) : RuleAction;
}

/// <summary>Shared with the receiver. A type of its own, so that no log shows it.</summary>
[GenerateSerializer, Immutable, Alias("fleet.rule-secret")]
public sealed record RuleSecret([property: Id(0)] string Value)
{
    public override string ToString() => "(secret)";
}

/// <summary>A rule as it stands.</summary>
/// <param name="Version">Grows with each change, and goes on where it was when a deleted rule is made again.</param>
[GenerateSerializer, Immutable, Alias("fleet.rule-view")]
public sealed record RuleView(
    [property: Id(0)] RuleName Name,
    [property: Id(1)] long Version,
    [property: Id(2)] bool Enabled,
    [property: Id(3)] RuleDefinition Definition,
    [property: Id(4)] DateTimeOffset CreatedAt,
    [property: Id(5)] DateTimeOffset ChangedAt);

/// <summary>How a rule's work stands.</summary>
[GenerateSerializer, Immutable, Alias("fleet.rule-status")]
public sealed record RuleStatus
{
    /// <summary>Messages that wait, those under way included.</summary>
    [Id(0)] public required long Queued { get; init; }

    /// <summary>Of their payloads.</summary>
    [Id(1)] public required long QueuedBytes { get; init; }
    [Id(2)] public required int InFlight { get; init; }

    /// <summary>Since the rule was made.</summary>
    [Id(3)] public required long Delivered { get; init; }

    /// <summary>Given up since the rule was made, whatever became of them later.</summary>
    [Id(4)] public required long Failed { get; init; }

    /// <summary>Given up and still there.</summary>
    [Id(5)] public required long DeadLetters { get; init; }
    [Id(6)] public required string? LastError { get; init; }
    [Id(7)] public required DateTimeOffset? LastErrorAt { get; init; }

    /// <summary>The action fails again and again, so nothing is tried before then; null: it is at work.</summary>
    [Id(8)] public required DateTimeOffset? PausedUntil { get; init; }
}
