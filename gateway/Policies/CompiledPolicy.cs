using System.Text;

namespace Fleet.Gateway.Policies;

/// <summary>
/// A policy for one session, its variables filled in. Any matching Deny denies; otherwise any matching Allow allows; otherwise denied
/// (spec/aws-iot-topics.md, 6.6). Immutable.
/// </summary>
internal sealed class CompiledPolicy
{
    private const int StackBytes = 512;

    private readonly Rules _connect, _publish, _retain, _subscribe, _receive;

    private CompiledPolicy(PolicyDocument document, IReadOnlyDictionary<string, string> variables)
    {
        Name = document.Name;
        _connect = Rules.Of(document, PolicyActions.Connect, "client/", variables);
        _publish = Rules.Of(document, PolicyActions.Publish, "topic/", variables);
        _retain = Rules.Of(document, PolicyActions.RetainPublish, "topic/", variables);
        _subscribe = Rules.Of(document, PolicyActions.Subscribe, "topicfilter/", variables);
        _receive = Rules.Of(document, PolicyActions.Receive, "topic/", variables);
    }

    public string Name { get; }

    public static CompiledPolicy Compile(PolicyDocument document, IReadOnlyDictionary<string, string> variables) => new(document, variables);

    public bool AllowsConnect(ReadOnlySpan<byte> clientId) => _connect.Allow(clientId);

    /// <param name="retain">The message is to be retained, which needs iot:RetainPublish besides iot:Publish.</param>
    public bool AllowsPublish(ReadOnlySpan<byte> topicName, bool retain) => _publish.Allow(topicName) && (!retain || _retain.Allow(topicName));

    /// <param name="topicFilter">As sent, without "$share/{group}/".</param>
    public bool AllowsSubscribe(ReadOnlySpan<byte> topicFilter) => _subscribe.Allow(topicFilter);

    public bool AllowsReceive(ReadOnlySpan<byte> topicName) => _receive.Allow(topicName);

    /// <summary>The patterns of one action, over whole resources: <c>topic/a/b</c>.</summary>
    private readonly struct Rules(byte[] kind, PolicyPattern[] allow, PolicyPattern[] deny)
    {
        public static Rules Of(PolicyDocument document, PolicyActions action, string kind, IReadOnlyDictionary<string, string> variables)
        {
            PolicyPattern[] Patterns(bool allow) =>
            [
                .. from statement in document.Statements
                   where statement.Allow == allow && (statement.Actions & action) != 0
                   from resource in statement.Resources
                   where resource.StartsWith('*') || resource.StartsWith('?') || resource.StartsWith(kind, StringComparison.Ordinal)
                   select PolicyPattern.Compile(resource, variables),
            ];
            return new(Encoding.ASCII.GetBytes(kind), Patterns(true), Patterns(false));
        }

        public bool Allow(ReadOnlySpan<byte> value)
        {
            int length = kind.Length + value.Length;
            Span<byte> resource = length <= StackBytes ? stackalloc byte[length] : new byte[length];
            kind.CopyTo(resource);
            value.CopyTo(resource[kind.Length..]);
            return !Any(deny, resource) && Any(allow, resource);
        }

        private static bool Any(PolicyPattern[] patterns, ReadOnlySpan<byte> resource)
        {
            foreach (var pattern in patterns)
            {
                if (pattern.Matches(resource)) return true;
            }
            return false;
        }
    }
}
