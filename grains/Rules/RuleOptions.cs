using System.ComponentModel.DataAnnotations;

namespace Fleet.Grains.Rules;

/// <summary>
/// The section <c>Fleet:Rules</c>, as far as the rules themselves go by it; the bounds of their queues are the gateways'.
/// </summary>
public sealed class RuleOptions
{
    public const string Section = "Fleet:Rules";

    /// <summary>
    /// Whether an action may be plain HTTP to another machine. Off: what devices say, and the headers that open the receiver, would go over
    /// the network for all to read. To loopback it may always be.
    /// </summary>
    public bool AllowHttp { get; set; }

    /// <summary>
    /// A proxy that all requests go through, such as <c>http://proxy.example.com:3128</c>. Null: none, whatever the environment says.
    /// </summary>
    public Uri? Proxy { get; set; }

    /// <summary>Rules there may be: every gateway holds them all, and matches every message with them.</summary>
    [Range(1, 10_000)] public int MaxRules { get; set; } = 1_000;

    /// <summary>
    /// Dead letters per rule. Above it nothing more is given up: messages stay in the queue, so that nothing is
    /// lost that nobody was told of.
    /// </summary>
    [Range(0, 10_000_000)] public int MaxDeadLetters { get; set; } = 100_000;

    /// <summary>How long a dead letter is kept, in days; as long as SQS keeps one at most.</summary>
    [Range(1, 3_650)] public int DeadLetterDays { get; set; } = 14;
}
