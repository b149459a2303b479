using System.Text;

namespace Fleet.Gateway.Policies;

/// <summary>
/// The patterns of one action of a document, over whole resources: <c>topic/a/b</c>. All sessions under the document share them.
/// </summary>
internal sealed class PolicyRules
{
    private const int StackBytes = 512;

    private readonly byte[] _kind;
    private readonly PolicyPattern[] _allow, _deny;

    /// <param name="kind">What resources of the action begin with.</param>
    public PolicyRules(IEnumerable<PolicyStatement> statements, PolicyActions action, string kind, PolicyVariables variables)
    {
        _kind = Encoding.ASCII.GetBytes(kind);
        _allow = Patterns(allow: true);
        _deny = Patterns(allow: false);

        PolicyPattern[] Patterns(bool allow) =>
        [
            .. from statement in statements
               where statement.Allow == allow && (statement.Actions & action) != 0
               from resource in statement.Resources
               where resource.StartsWith('*') || resource.StartsWith('?') || resource.StartsWith(kind, StringComparison.Ordinal)
               select PolicyPattern.Compile(resource, variables),
        ];
    }

    /// <param name="values">Of the variables, by number.</param>
    public bool Allow(ReadOnlySpan<byte> value, byte[][] values)
    {
        int length = _kind.Length + value.Length;
        Span<byte> resource = length <= StackBytes ? stackalloc byte[length] : new byte[length];
        _kind.CopyTo(resource);
        value.CopyTo(resource[_kind.Length..]);
        return !Any(_deny, resource, values) && Any(_allow, resource, values);
    }

    private static bool Any(PolicyPattern[] patterns, ReadOnlySpan<byte> resource, byte[][] values)
    {
        foreach (var pattern in patterns)
        {
            if (pattern.Matches(resource, values)) return true;
        }
        return false;
    }
}
