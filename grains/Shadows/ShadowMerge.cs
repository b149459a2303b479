using System.Text.Json;

namespace Fleet.Grains.Shadows;

/// <summary>Lays a request's section onto a stored one (spec/aws-iot-topics.md, 1.5).</summary>
internal static class ShadowMerge
{
    /// <param name="patch">An object, or null (as JSON) to remove the section.</param>
    /// <param name="writtenAt">Epoch seconds, for every leaf the patch names, changed or not.</param>
    /// <returns>Null when nothing is left.</returns>
    public static ShadowObject? Section(ShadowObject? stored, JsonElement patch, long writtenAt) =>
        patch.ValueKind is JsonValueKind.Null ? null : Members(stored, patch, writtenAt);

    private static ShadowObject? Members(ShadowObject? stored, JsonElement patch, long writtenAt)
    {
        var members = stored is null ? [] : new OrderedDictionary<string, ShadowNode>(stored.Members);
        foreach (var member in patch.EnumerateObject())
        {
            members.TryGetValue(member.Name, out var old);
            if (Value(old, member.Value, writtenAt) is { } value) members[member.Name] = value;
            else members.Remove(member.Name);
        }
        return members.Count == 0 ? null : new ShadowObject(members);
    }

    /// <returns>Null when the member goes, or is not made: an object with nothing in it counts as missing.</returns>
    private static ShadowNode? Value(ShadowNode? old, JsonElement patch, long writtenAt) => patch.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.Object when patch.GetPropertyCount() == 0 => null,
        JsonValueKind.Object => Members(old as ShadowObject, patch, writtenAt),
        _ => ShadowNode.Of(patch, writtenAt),
    };
}
