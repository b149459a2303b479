namespace Fleet.Grains.Shadows;

/// <summary>What is desired and not reported (spec/aws-iot-topics.md, 1.3).</summary>
internal static class ShadowDelta
{
    /// <returns>The desired nodes, with the times they were desired at; null when there is no difference.</returns>
    public static ShadowObject? Of(ShadowObject? desired, ShadowObject? reported)
    {
        if (desired is null || reported is null) return desired;
        var difference = new OrderedDictionary<string, ShadowNode>();
        foreach (var (name, wanted) in desired.Members)
        {
            if (Of(wanted, reported.TryGet(name, out var actual) ? actual : null) is { } node) difference.Add(name, node);
        }
        return difference.Count == 0 ? null : new ShadowObject(difference);
    }

    private static ShadowNode? Of(ShadowNode desired, ShadowNode? reported) => (desired, reported) switch
    {
        (_, null) => desired,
        (ShadowObject d, ShadowObject r) => Of(d, r),
        _ => AreEqual(desired, reported) ? null : desired,
    };

    /// <summary>Equal as values: the order of an object's members and the spelling of a number do not count.</summary>
    private static bool AreEqual(ShadowNode left, ShadowNode right) => (left, right) switch
    {
        (ShadowLeaf l, ShadowLeaf r) => l.Json == r.Json || (l.IsNumber && r.IsNumber && JsonNumber.Of(l.Json) == JsonNumber.Of(r.Json)),
        (ShadowArray l, ShadowArray r) =>
            l.Items.Length == r.Items.Length && l.Items.Zip(r.Items).All(pair => AreEqual(pair.First, pair.Second)),
        (ShadowObject l, ShadowObject r) =>
            l.Count == r.Count && l.Members.All(member => r.TryGet(member.Key, out var other) && AreEqual(member.Value, other)),
        _ => false,
    };
}
