using System.Buffers.Text;
using System.Text.Unicode;

namespace Fleet.Interfaces.Naming;

/// <summary>
/// Text that every store takes. PostgreSQL has no U+0000 in its texts, so it is refused where a text comes in, whatever the store.
/// </summary>
public static class StorableText
{
    public const string Rule = "Text must be Unicode without U+0000.";

    private const int EscapeBytes = 6;

    public static bool Is(string text) => !text.Contains('\0');

    /// <param name="json">
    /// JSON by its grammar, which half a surrogate pair ("\ud800") and bytes that are not UTF-8 pass as well.
    /// </param>
    /// <returns>False if one of its texts or names is no Unicode, or holds U+0000, which JSON can only escape.</returns>
    public static bool IsJson(ReadOnlySpan<byte> json)
    {
        if (!Utf8.IsValid(json)) return false;
        while (json.IndexOf((byte)'\\') is >= 0 and var escape)
        {
            json = json[escape..];
            if (CodeUnit(json) is not { } unit)
            {
                json = json[2..];
                continue;
            }
            json = json[EscapeBytes..];
            if (unit == '\0' || char.IsLowSurrogate(unit)) return false;
            if (!char.IsHighSurrogate(unit)) continue;
            if (CodeUnit(json) is not { } other || !char.IsLowSurrogate(other)) return false;
            json = json[EscapeBytes..];
        }
        return true;
    }

    /// <summary>What <c>\uXXXX</c> stands for; null if there is another escape, or none.</summary>
    private static char? CodeUnit(ReadOnlySpan<byte> json) =>
        json.StartsWith("\\u"u8) && Utf8Parser.TryParse(json[2..EscapeBytes], out ushort unit, out _, 'x') ? (char)unit : null;
}
