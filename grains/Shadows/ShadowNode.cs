using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Fleet.Grains.Shadows;

/// <summary>
/// A value in a section of a shadow together with when it was written: state and metadata are one tree, so that they cannot disagree.
/// Nodes never change. There is no null: null removes.
/// </summary>
internal abstract class ShadowNode
{
    private protected ShadowNode() { }

    /// <summary>The whole of a value that replaces whatever was there. The value holds no null.</summary>
    /// <param name="writtenAt">Epoch seconds.</param>
    public static ShadowNode Of(JsonElement value, long writtenAt) => value.ValueKind switch
    {
        JsonValueKind.Object => new ShadowObject(new OrderedDictionary<string, ShadowNode>(
            value.EnumerateObject().Select(m => KeyValuePair.Create(m.Name, Of(m.Value, writtenAt))))),
        JsonValueKind.Array => new ShadowArray([.. value.EnumerateArray().Select(item => Of(item, writtenAt))]),
        _ => ShadowLeaf.Of(value, writtenAt),
    };
}

/// <summary>A string, number or boolean.</summary>
/// <param name="json">
/// The value as JSON. A number keeps the spelling it was sent in; a string has one spelling, so that equal strings have equal text.
/// </param>
/// <param name="writtenAt">Epoch seconds.</param>
internal sealed class ShadowLeaf(string json, long writtenAt) : ShadowNode
{
    public string Json { get; } = json;
    public long WrittenAt { get; } = writtenAt;

    public bool IsNumber => Json[0] is '-' or (>= '0' and <= '9');

    public static new ShadowLeaf Of(JsonElement value, long writtenAt) => new(
        value.ValueKind is JsonValueKind.String
            ? $"\"{JsonEncodedText.Encode(value.GetString()!, ShadowJson.Encoder)}\"" : value.GetRawText(), writtenAt);
}

internal sealed class ShadowArray(ImmutableArray<ShadowNode> items) : ShadowNode
{
    public ImmutableArray<ShadowNode> Items { get; } = items;
}

/// <param name="members">In the order they were first written. Handed over: the caller keeps no hand on it.</param>
internal sealed class ShadowObject(OrderedDictionary<string, ShadowNode> members) : ShadowNode
{
    public int Count => members.Count;

    public IEnumerable<KeyValuePair<string, ShadowNode>> Members => members;

    public bool TryGet(string name, [NotNullWhen(true)] out ShadowNode? node) => members.TryGetValue(name, out node);
}
