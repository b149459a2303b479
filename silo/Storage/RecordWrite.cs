namespace Fleet.Silo.Storage;

/// <summary>One record to store or to clear, and what stands beside it in the fleet index and the catalog.</summary>
/// <param name="Type">The grain's type, and /name for a record that is not called as the grain is.</param>
/// <param name="Key">The grain's key.</param>
/// <param name="State">JSON in UTF-8; null clears the record.</param>
/// <param name="ETag">What must be stored now; null: nothing.</param>
internal sealed record RecordWrite(string Type, string Key, byte[]? State, long? ETag, IndexRows Rows);

/// <summary>How a write ended.</summary>
/// <param name="ETag">The new one; 0 after a clear and after a refusal.</param>
/// <param name="Refused">Another had been there first: nothing of the write was stored.</param>
/// <param name="StoredETag">After a refusal: what is stored instead; null: nothing.</param>
internal readonly record struct RecordWritten(long ETag, bool Refused, long? StoredETag)
{
    public static RecordWritten Stored(long etag) => new(etag, false, null);

    public static RecordWritten Conflict(long? stored) => new(0, true, stored);
}

/// <summary>A record as it is stored.</summary>
/// <param name="State">JSON in UTF-8.</param>
internal readonly record struct StoredRecord(byte[] State, long ETag);
