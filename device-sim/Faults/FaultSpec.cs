using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Fleet.DeviceSim.Faults;

/// <summary>What can be planted in a simulated device.</summary>
internal enum FaultKind
{
    /// <summary>The slot cannot be written: the update fails.</summary>
    Install,

    /// <summary>The boot loader takes the old slot after an install.</summary>
    Boot,

    /// <summary>After an install the device keeps its connection but neither reports nor beats any more.</summary>
    Silent,

    /// <summary>One block is corrupted on arrival, once.</summary>
    Corrupt,

    /// <summary>The connection is dropped in the middle of a download, once.</summary>
    Drop,
}

/// <summary>One <c>--fail</c>: <c>kind:who[@version]</c>, where who is a share of the fleet (0 to 1) or a list of thing names.</summary>
/// <param name="Share">0 to 1; 0 if <paramref name="Things"/> says who.</param>
/// <param name="Version">Strikes only in updates to this version; null: in any.</param>
internal sealed record FaultSpec(FaultKind Kind, double Share, ImmutableHashSet<string> Things, string? Version)
{
    public const string Grammar =
        "kind:share or kind:thing,thing with an optional @version, such as install:0.2@1.2.0; "
        + "kinds are install, boot, silent, corrupt and drop";

    public static bool TryParse(string text, [NotNullWhen(true)] out FaultSpec? spec)
    {
        spec = null;
        int at = text.LastIndexOf('@');
        var (rest, version) = at < 0 ? (text, null) : (text[..at], text[(at + 1)..]);
        if (version is { Length: 0 }) return false;
        int colon = rest.IndexOf(':');
        if (colon < 0 || colon == rest.Length - 1) return false;
        if (!Enum.TryParse<FaultKind>(rest[..colon], ignoreCase: true, out var kind) || !rest[..colon].All(char.IsAsciiLetter))
            return false;
        var who = rest[(colon + 1)..];
        if (double.TryParse(who, NumberStyles.Float, CultureInfo.InvariantCulture, out double share))
        {
            if (share is not (>= 0 and <= 1)) return false;
            spec = new FaultSpec(kind, share, [], version);
            return true;
        }
        spec = new FaultSpec(kind, 0, [.. who.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)], version);
        return spec.Things.Count > 0;
    }
}
