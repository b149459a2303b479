using Npgsql;

namespace Fleet.Silo.Storage.Postgres;

internal static class PostgresFaults
{
    /// <summary>
    /// True when no other request would have fared better: a lost connection, a full disk, a server that stops. Otherwise one request is at fault
    /// (SQLSTATE classes 22 data, 23 integrity, 54 limits), or met another transaction at the wrong moment (40).
    /// </summary>
    public static bool ConcernAll(Exception e) =>
        e is not PostgresException { SqlState: [var first, var second, ..] } || (first, second) is not (('2', '2') or ('2', '3') or ('4', '0') or ('5', '4'));

    /// <summary>After an error that the server reported, the connection is as good as before. Any other leaves it in an unknown state.</summary>
    public static bool Spoil(NpgsqlConnection? connection, Exception e) =>
        e is not PostgresException || connection?.State is not System.Data.ConnectionState.Open;
}
