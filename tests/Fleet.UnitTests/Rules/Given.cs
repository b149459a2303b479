using Fleet.Grains.Rules;
using Fleet.Interfaces.Rules;

namespace Fleet.UnitTests.Rules;

internal static class Given
{
    public static readonly DateTimeOffset Noon = new(2026, 7, 1, 12, 0, 0, TimeSpan.Zero);

    public static readonly ImmutableSortedDictionary<string, string> NoHeaders = ImmutableSortedDictionary<string, string>.Empty;

    public static RuleName Rule { get; } = Name("telemetry");

    public static RuleDefinition Definition { get; } = Webhook("https://ingest.example.com/t");

    /// <summary>A quarter past the last second but one before noon.</summary>
    public static QueuedMessage Message { get; } = new(
        1, "0123456789abcdef0123456789abcdef", "factory/1", "amr-7", null, """{"temperature": 24.5}"""u8.ToArray(), Noon.AddSeconds(-1.75), Noon.AddSeconds(-1.75), 2);

    public static RuleName Name(string name) => RuleName.TryParse(name, out var rule) ? rule : throw new ArgumentException(name);

    public static RuleDefinition Webhook(string url, string? secret = null, params (string Name, string Value)[] headers) => new()
    {
        TopicFilter = "factory/#",
        Action = new RuleAction.Webhook(url, headers.ToImmutableSortedDictionary(h => h.Name, h => h.Value), secret is null ? null : new(secret)),
        Body = RuleBody.Payload,
        Timeout = TimeSpan.FromSeconds(10),
        MaxAttempts = 3,
        MaxAge = TimeSpan.FromHours(1),
        Concurrency = 2,
    };
}
