using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Fleet.DeviceSim.Agent;

namespace Fleet.DeviceSim.Simulation;

/// <summary>What a run waits for: <c>connected</c> or <c>version=V</c>, of all devices, or of <c>:N</c> or <c>:P%</c> of them.</summary>
/// <param name="Version">Null: being connected is enough.</param>
/// <param name="Share">0 to 1; used if <paramref name="Count"/> is null.</param>
internal sealed record Until(string? Version, int? Count, double Share)
{
    public const string Grammar = "connected or version=V, with an optional :N devices or :P%, such as version=1.1.0:95%";

    public static bool TryParse(string text, [NotNullWhen(true)] out Until? until)
    {
        until = null;
        int colon = text.IndexOf(':');
        var (what, how) = colon < 0 ? (text, "100%") : (text[..colon], text[(colon + 1)..]);
        string? version = what.StartsWith("version=", StringComparison.Ordinal) ? what["version=".Length..] : null;
        if (version is null ? what != "connected" : version.Length == 0) return false;
        if (how.EndsWith('%')
            && double.TryParse(how[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double percent)
            && percent <= 100)
            until = new Until(version, null, percent / 100);
        else if (int.TryParse(how, NumberStyles.None, CultureInfo.InvariantCulture, out int count))
            until = new Until(version, count, 0);
        return until is not null;
    }

    public bool IsReached(FleetStatus status) =>
        (Version is null ? status.In(ConnectionState.Connected) : status.Versions.GetValueOrDefault(Version))
            >= (Count ?? Math.Ceiling(status.Devices * Share));
}
