namespace Fleet.Grains.Index;

/// <summary>A grain state that is listed: firmware, rollouts, claims.</summary>
public interface ICatalogued
{
    /// <summary>Null while there is nothing to list.</summary>
    CatalogRow? ToCatalogRow();
}

/// <param name="Kind">firmware, rollout or claim.</param>
/// <param name="Key">The grain's key.</param>
/// <param name="Status">Lower camel case, as the API shows it.</param>
public sealed record CatalogRow(string Kind, string Key, string Status, DateTimeOffset CreatedAt);

/// <summary>Reads the catalog.</summary>
public interface ICatalog
{
    /// <summary>Rows of a kind by key, after <paramref name="after"/> (null: from the first).</summary>
    Task<ImmutableArray<CatalogRow>> List(string kind, string? after, int limit, CancellationToken cancellation);
}
