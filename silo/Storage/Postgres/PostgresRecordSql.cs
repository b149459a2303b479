namespace Fleet.Silo.Storage.Postgres;

/// <summary>
/// The statements of a record transaction. Rows come as arrays, in the order of their keys: two transactions that want the same rows then
/// lock them in the same order, and neither waits for ever. A row that lost its ETag is passed over, and what belongs to it as well: the
/// index statements look for the record with the ETag that this transaction gave it.
/// </summary>
internal static class PostgresRecordSql
{
    /// <summary>
    /// $1 types, $2 keys, $3 states, $4 new ETags, $5 expected ETags, $6 now. Returns the new ETags of the rows that were written.
    /// </summary>
    public const string Update = """
        WITH written AS (
            UPDATE grain_state AS g SET state = w.state, etag = w.next, updated_at = $6
            FROM unnest($1, $2, $3, $4, $5) AS w (type, key, state, next, etag)
            WHERE g.type = w.type AND g.key = w.key AND g.etag = w.etag
            RETURNING g.etag)
        SELECT array_agg(etag) FROM written
        """;

    /// <summary>$1 types, $2 keys, $3 states, $4 new ETags, $5 now. Returns the new ETags of the rows that were written.</summary>
    public const string Insert = """
        WITH written AS (
            INSERT INTO grain_state (type, key, state, etag, updated_at)
            SELECT w.type, w.key, w.state, w.next, $5 FROM unnest($1, $2, $3, $4) AS w (type, key, state, next)
            ON CONFLICT DO NOTHING
            RETURNING etag)
        SELECT array_agg(etag) FROM written
        """;

    /// <summary>$1 types, $2 keys, $3 expected ETags. Returns the expected ETags of the rows that were deleted.</summary>
    public const string Delete = """
        WITH deleted AS (
            DELETE FROM grain_state AS g USING unnest($1, $2, $3) AS w (type, key, etag)
            WHERE g.type = w.type AND g.key = w.key AND g.etag = w.etag
            RETURNING g.etag)
        SELECT array_agg(etag) FROM deleted
        """;

    private const string Devices = """
        FROM unnest($1, $2, $3, $4) AS w (type, thing, etag, attributes)
        JOIN grain_state AS g ON g.type = w.type AND g.key = w.thing AND g.etag = w.etag
        LEFT JOIN devices AS d ON d.thing = w.thing
        """;

    /// <summary>
    /// $1 types, $2 things, $3 new ETags, $4 attributes (jsonb). Attributes hardly ever change, connectivity all the time: their rows are
    /// touched only when they differ.
    /// </summary>
    public const string DeleteAttributes = $"""
        DELETE FROM device_attributes WHERE thing IN (SELECT w.thing {Devices} WHERE d.attributes <> w.attributes)
        """;

    /// <summary>
    /// As <see cref="DeleteAttributes"/>, after it and before <see cref="UpsertDevices"/>. The pattern is AttributeNumber's.
    /// </summary>
    public const string InsertAttributes = $$"""
        INSERT INTO device_attributes (thing, name, value, number)
        SELECT w.thing, a.key, a.value, CASE WHEN a.value ~ '^-?[0-9]{1,15}(\.[0-9]{1,15})?$' THEN a.value::double precision END
        {{Devices}} CROSS JOIN LATERAL jsonb_each_text(w.attributes) AS a
        WHERE d.attributes IS DISTINCT FROM w.attributes
        """;

    /// <summary>
    /// $1 types, $2 things, $3 new ETags, $4 attributes, $5 models, $6 firmware, $7 firmware orders, $8 healthy, $9 connectivity, $10
    /// gateways, $11 last seen.
    /// </summary>
    public const string UpsertDevices = """
        INSERT INTO devices (thing, model, firmware, firmware_order, healthy, connectivity, gateway, last_seen_at, attributes)
        SELECT w.thing, w.model, w.firmware, w.firmware_order, w.healthy, w.connectivity, w.gateway, w.last_seen_at, w.attributes
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS w (
            type, thing, etag, attributes, model, firmware, firmware_order, healthy, connectivity, gateway, last_seen_at)
        JOIN grain_state AS g ON g.type = w.type AND g.key = w.thing AND g.etag = w.etag
        ON CONFLICT (thing) DO UPDATE SET
            model = EXCLUDED.model, firmware = EXCLUDED.firmware, firmware_order = EXCLUDED.firmware_order, healthy = EXCLUDED.healthy,
            connectivity = EXCLUDED.connectivity, gateway = EXCLUDED.gateway, last_seen_at = EXCLUDED.last_seen_at,
                attributes = EXCLUDED.attributes
        """;

    /// <summary>$1 types, $2 things, $3 new ETags; 0 for a record that was cleared.</summary>
    public const string DeleteDevices = $"""
        WITH gone AS (DELETE FROM devices WHERE thing IN (SELECT w.key {Removed}) RETURNING thing)
        DELETE FROM device_attributes WHERE thing IN (SELECT thing FROM gone)
        """;

    /// <summary>$1 types, $2 keys, $3 new ETags, $4 kinds, $5 keys in the catalog, $6 status, $7 created at.</summary>
    public const string UpsertCatalog = """
        INSERT INTO catalog (kind, key, status, created_at, type)
        SELECT w.kind, w.listed, w.status, w.created_at, w.type
        FROM unnest($1, $2, $3, $4, $5, $6, $7) AS w (type, key, etag, kind, listed, status, created_at)
        JOIN grain_state AS g ON g.type = w.type AND g.key = w.key AND g.etag = w.etag
        ON CONFLICT (kind, key) DO UPDATE SET status = EXCLUDED.status, created_at = EXCLUDED.created_at
        """;

    /// <summary>$1 types, $2 keys, $3 new ETags; 0 for a record that was cleared.</summary>
    public const string DeleteCatalog = $"""
        DELETE FROM catalog AS c USING (SELECT w.type, w.key {Removed}) AS w WHERE c.type = w.type AND c.key = w.key
        """;

    private const string Removed = """
        FROM unnest($1, $2, $3) AS w (type, key, etag) LEFT JOIN grain_state AS g ON g.type = w.type AND g.key = w.key
        WHERE g.etag = w.etag OR (w.etag = 0 AND g.etag IS NULL)
        """;

    public const string UpsertProbe =
        "INSERT INTO storage_probe (id, probed_at) VALUES (0, $1) ON CONFLICT (id) DO UPDATE SET probed_at = $1";

    /// <summary>$1 types, $2 keys. Returns the place in the arrays (from 1), the state and the ETag of each record that there is.</summary>
    public const string Select = """
        SELECT w.n, g.state, g.etag FROM unnest($1, $2) WITH ORDINALITY AS w (type, key, n)
        JOIN grain_state AS g ON g.type = w.type AND g.key = w.key
        """;
}
