using System.Diagnostics.CodeAnalysis;

namespace Fleet.DeviceSim.Images;

/// <summary>A version in Semantic Versioning 2.0.0 without build metadata, ordered by its section 11.</summary>
internal readonly record struct SemVer : IComparable<SemVer>
{
    private readonly string _text;
    private readonly int _coreLength;

    private SemVer(string text, int coreLength) => (_text, _coreLength) = (text, coreLength);

    public static bool TryParse([NotNullWhen(true)] string? text, out SemVer version)
    {
        version = default;
        if (text is not { Length: > 0 and <= 64 }) return false;
        int dash = text.IndexOf('-');
        var core = dash < 0 ? text : text[..dash];
        if (core.Split('.') is not { Length: 3 } numbers || !Array.TrueForAll(numbers, IsNumber)) return false;
        if (dash >= 0 && !Array.TrueForAll(text[(dash + 1)..].Split('.'), IsIdentifier)) return false;
        version = new SemVer(text, core.Length);
        return true;
    }

    public int CompareTo(SemVer other)
    {
        int byCore = Compare(Core, other.Core);
        if (byCore != 0) return byCore;
        return (Prerelease, other.Prerelease) switch
        {
            (null, null) => 0,
            (null, _) => 1,
            (_, null) => -1,
            var (mine, theirs) => Compare(mine, theirs),
        };
    }

    public override string ToString() => _text;

    private string Core => _text[.._coreLength];
    private string? Prerelease => _coreLength == _text.Length ? null : _text[(_coreLength + 1)..];

    private static bool IsNumber(string text) =>
        text.Length is > 0 and <= 9 && text.All(char.IsAsciiDigit) && (text.Length == 1 || text[0] != '0');

    private static bool IsIdentifier(string text) =>
        text.Length > 0 && text.All(c => char.IsAsciiLetterOrDigit(c) || c == '-') && (!text.All(char.IsAsciiDigit) || IsNumber(text));

    private static int Compare(string left, string right)
    {
        var (l, r) = (left.Split('.'), right.Split('.'));
        for (int i = 0; i < Math.Min(l.Length, r.Length); i++)
        {
            int order = (IsNumber(l[i]), IsNumber(r[i])) switch
            {
                (true, true) => int.Parse(l[i]).CompareTo(int.Parse(r[i])),
                (true, false) => -1,
                (false, true) => 1,
                _ => string.CompareOrdinal(l[i], r[i]),
            };
            if (order != 0) return order;
        }
        return l.Length.CompareTo(r.Length);
    }
}
