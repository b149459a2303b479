using System.Globalization;
using System.Text;

namespace Fleet.Silo.Telemetry;

/// <summary>
/// Text of others as it may stand in a line on a terminal. What would end the line, move the cursor, turn the direction of reading, or
/// not show at all is written as <c>\u001B</c>: Unicode's categories Cc, Cf, Zl, Zp and Cs (a surrogate without its other half). A
/// backslash is written twice, so that no text looks like another.
/// </summary>
internal static class LogText
{
    /// <summary>Text of several lines, in one: each line break is a space.</summary>
    public static string Join(string text) => Escape(text.ReplaceLineEndings(" "));

    /// <returns>The same string if there is nothing to escape.</returns>
    public static string Escape(string text)
    {
        if (!text.AsSpan().ContainsAnyExceptInRange(' ', '~') && !text.Contains('\\')) return text;
        var escaped = new StringBuilder(text.Length + 16);
        var rest = text.AsSpan();
        while (!rest.IsEmpty)
        {
            bool whole = Rune.DecodeFromUtf16(rest, out var rune, out int length) == System.Buffers.OperationStatus.Done;
            if (rune.Value == '\\') escaped.Append(@"\\");
            else if (!whole) escaped.Append($@"\u{(int)rest[0]:X4}");
            else if (!Hides(rune)) escaped.Append(rest[..length]);
            else escaped.Append(rune.IsBmp ? $@"\u{rune.Value:X4}" : $@"\U{rune.Value:X8}");
            rest = rest[length..];
        }
        return escaped.ToString();
    }

    private static bool Hides(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format
        or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.Surrogate;
}
