using Npgsql;

namespace Fleet.Silo.Storage.Postgres;

/// <summary>
/// Numbers the writes of one connection. The database gives each block of 2^24 numbers once, so that no ETag is ever given twice, by whichever
/// process: a record that is deleted and made anew never meets an ETag that somebody still holds.
/// </summary>
internal sealed class ETagBlocks
{
    private const int BlockBits = 24;

    private long _next;

    /// <summary>Takes a block if fewer than <paramref name="count"/> numbers are left.</summary>
    public async ValueTask Reserve(NpgsqlConnection connection, int count)
    {
        long left = (1 << BlockBits) - (_next & ((1 << BlockBits) - 1));
        if (_next != 0 && left > count) return;
        await using var command = new NpgsqlCommand("SELECT nextval('etag_blocks')", connection);
        _next = (long)(await command.ExecuteScalarAsync())! << BlockBits;
    }

    public long Next() => ++_next;
}
