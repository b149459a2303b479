using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Fleet.Interfaces.Naming;

namespace Fleet.Silo.Api;

/// <summary>One page of a list.</summary>
/// <param name="Cursor">Pass it as <c>?cursor=</c> for the next page; absent on the last one. Opaque.</param>
/// <param name="Count">How many there are on all pages, where the request asked for it.</param>
internal sealed record Page<T>(IReadOnlyList<T> Items, string? Cursor, long? Count = null);

internal static class Cursors
{
    public const int DefaultLimit = 100;
    public const int MaxLimit = 1000;

    public static string Encode(string lastKey) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(lastKey));

    public static bool TryDecode(string? cursor, [NotNullWhen(true)] out string? lastKey)
    {
        lastKey = null;
        if (cursor is null || !Base64Url.IsValid(cursor)) return false;
        lastKey = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor));
        return StorableText.Is(lastKey);
    }
}
