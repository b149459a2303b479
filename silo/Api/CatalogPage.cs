using Fleet.Grains.Index;

namespace Fleet.Silo.Api;

/// <summary>A page of what the catalog lists, each as its grain has it.</summary>
internal static class CatalogPage
{
    /// <param name="get">From a key to what the grain has; null if it is gone.</param>
    public static async Task<IResult> List<TView, TBody>(
        ICatalog catalog, string kind, string? cursor, int limit, Func<string, Task<TView?>> get, Func<TView, TBody> toBody,
        CancellationToken cancellation)
        where TView : class
    {
        if (limit is < 1 or > Cursors.MaxLimit) return Problems.Invalid("limit", $"Must be 1 to {Cursors.MaxLimit}.");
        string? after = null;
        if (cursor is not null && !Cursors.TryDecode(cursor, out after)) return Problems.Invalid("cursor", "Is not one that a list gave.");
        var rows = await catalog.List(kind, after, limit, cancellation);
        var views = await Task.WhenAll(rows.Select(row => get(row.Key)));
        return TypedResults.Ok(new Page<TBody>(
            [.. views.OfType<TView>().Select(toBody)], rows.Length == limit ? Cursors.Encode(rows[^1].Key) : null));
    }
}
