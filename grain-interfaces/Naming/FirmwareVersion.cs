using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text.Json.Serialization;

namespace Fleet.Interfaces.Naming;

/// <summary>
/// A firmware version in Semantic Versioning 2.0.0: <c>major.minor.patch[-prerelease]</c>, at most 64 characters. Build metadata
/// (<c>+…</c>) is refused, because two versions that differ in nothing but it would compare as equal.
/// </summary>
[GenerateSerializer, Immutable, Alias("fleet.firmware-version"), JsonConverter(typeof(NameJsonConverter<FirmwareVersion>))]
public readonly record struct FirmwareVersion : IName<FirmwareVersion>, IComparable<FirmwareVersion>
{
    private FirmwareVersion(string value) => Value = value;
    [Id(0)] public string Value { get; private init; }
    public static string Grammar =>
        "major.minor.patch with an optional -prerelease (Semantic Versioning 2.0.0, no build metadata), such as 2.1.0";

    public static bool TryParse([NotNullWhen(true)] string? text, out FirmwareVersion version)
    {
        version = default;
        if (text is not { Length: > 0 and <= 64 }) return false;
        var (core, prerelease) = Split(text);
        var numbers = core.Split('.');
        if (numbers.Length != 3 || !numbers.All(IsNumber)) return false;
        if (prerelease is not null && !prerelease.Split('.').All(IsIdentifier)) return false;
        version = new FirmwareVersion(text);
        return true;
    }

    /// <summary>Precedence as Semantic Versioning 2.0.0, section 11, has it.</summary>
    public int CompareTo(FirmwareVersion other)
    {
        var (core, prerelease) = Split(Value ?? "0.0.0");
        var (otherCore, otherPrerelease) = Split(other.Value ?? "0.0.0");
        int byCore = CompareIdentifiers(core.Split('.'), otherCore.Split('.'));
        if (byCore != 0) return byCore;
        return (prerelease, otherPrerelease) switch
        {
            (null, null) => 0,
            (null, _) => 1,
            (_, null) => -1,
            var (a, b) => CompareIdentifiers(a.Split('.'), b.Split('.')),
        };
    }

    public static bool operator <(FirmwareVersion left, FirmwareVersion right) => left.CompareTo(right) < 0;
    public static bool operator >(FirmwareVersion left, FirmwareVersion right) => left.CompareTo(right) > 0;
    public static bool operator <=(FirmwareVersion left, FirmwareVersion right) => left.CompareTo(right) <= 0;
    public static bool operator >=(FirmwareVersion left, FirmwareVersion right) => left.CompareTo(right) >= 0;
    public override string ToString() => Value;

    private static (string Core, string? Prerelease) Split(string text) =>
        text.IndexOf('-') is var dash and >= 0 ? (text[..dash], text[(dash + 1)..]) : (text, null);

    private static bool IsNumber(string text) =>
        text.Length is > 0 and <= 9 && text.All(char.IsAsciiDigit) && (text.Length == 1 || text[0] != '0');

    private static bool IsIdentifier(string text) =>
        text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c == '-') && (!text.All(char.IsAsciiDigit) || IsNumber(text));

    private static int CompareIdentifiers(string[] left, string[] right)
    {
        for (int i = 0; i < Math.Min(left.Length, right.Length); i++)
        {
            int order = (IsNumber(left[i]), IsNumber(right[i])) switch
            {
                (true, true) =>
                    int.Parse(left[i], CultureInfo.InvariantCulture).CompareTo(int.Parse(right[i], CultureInfo.InvariantCulture)),
                (true, false) => -1,
                (false, true) => 1,
                _ => string.CompareOrdinal(left[i], right[i]),
            };
            if (order != 0) return order;
        }
        return left.Length.CompareTo(right.Length);
    }
}
