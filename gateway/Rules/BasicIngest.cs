using System.Text;

namespace Fleet.Gateway.Rules;

/// <summary>
/// Topics that lead straight to a rule, <c>$aws/rules/{rule}</c> and <c>$aws/rules/{rule}/{topic…}</c> (spec/aws-iot-topics.md, 8).
/// What is in front of the topic counts toward no limit.
/// </summary>
internal static class BasicIngest
{
    private const int MaxNameBytes = 128;

    private static ReadOnlySpan<byte> Prefix => "$aws/rules/"u8;

    /// <summary>False too if no rule can be called so: then it is a topic like any other that clients may not publish to.</summary>
    public static bool IsFor(ReadOnlySpan<byte> topic) => topic.StartsWith(Prefix) && NameOf(topic).Length is > 0 and <= MaxNameBytes;

    public static string RuleOf(ReadOnlySpan<byte> topic) => Encoding.UTF8.GetString(NameOf(topic));

    /// <summary>The topic as the rule sees it; empty if there is nothing behind the rule's name.</summary>
    public static ReadOnlySpan<byte> TopicOf(ReadOnlySpan<byte> topic)
    {
        int length = Prefix.Length + NameOf(topic).Length;
        return topic.Length > length ? topic[(length + 1)..] : default;
    }

    private static ReadOnlySpan<byte> NameOf(ReadOnlySpan<byte> topic)
    {
        var rest = topic[Prefix.Length..];
        int slash = rest.IndexOf((byte)'/');
        return slash < 0 ? rest : rest[..slash];
    }
}
