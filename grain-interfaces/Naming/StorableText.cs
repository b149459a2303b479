namespace Fleet.Interfaces.Naming;

/// <summary>
/// Text that every store takes. PostgreSQL has no U+0000 in its texts, so it is refused where a text comes in, whatever the store.
/// </summary>
public static class StorableText
{
    public const string Rule = "Text must be Unicode without U+0000.";

    public static bool Is(string text) => !text.Contains('\0');

    /// <param name="json">Well-formed JSON in UTF-8.</param>
    /// <returns>False if one of its texts or names holds U+0000, which JSON can only escape.</returns>
    public static bool IsJson(ReadOnlySpan<byte> json)
    {
        for (int i = json.IndexOf("\\u0000"u8); i >= 0; i = Next(json, i + 1))
        {
            // After an odd number of backslashes this one is itself escaped.
            int backslashes = i - 1 - json[..i].LastIndexOfAnyExcept((byte)'\\');
            if (backslashes % 2 == 0) return false;
        }
        return true;
    }

    private static int Next(ReadOnlySpan<byte> json, int from) =>
        json[from..].IndexOf("\\u0000"u8) is >= 0 and var at ? from + at : -1;
}
