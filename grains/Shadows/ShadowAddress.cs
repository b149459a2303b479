using Fleet.Interfaces.Naming;

namespace Fleet.Grains.Shadows;

/// <summary>Which shadow: a thing's classic one, or one with a name.</summary>
/// <param name="Name">Null for the classic shadow.</param>
internal sealed record ShadowAddress(ThingName Thing, string? Name)
{
    public bool IsClassic => Name is null;

    /// <summary>What "no such shadow" calls it.</summary>
    public string DisplayName => Name ?? Thing.Value;

    /// <param name="key">The grain's key: <c>{thing}</c> or <c>{thing}/{name}</c>.</param>
    public static ShadowAddress Parse(string key)
    {
        int slash = key.IndexOf('/');
        return ThingName.TryParse(slash < 0 ? key : key[..slash], out var thing)
            ? new ShadowAddress(thing, slash < 0 ? null : key[(slash + 1)..])
            : throw new InvalidOperationException($"'{key}' is not a shadow key.");
    }

    /// <param name="operation">For example <c>update/accepted</c>.</param>
    public string Topic(string operation) => Name is null
        ? $"$aws/things/{Thing}/shadow/{operation}"
        : $"$aws/things/{Thing}/shadow/name/{Name}/{operation}";
}
