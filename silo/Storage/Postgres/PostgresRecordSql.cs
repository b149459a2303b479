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

    /// <summary>
    /// $1 types, $2 things, $3 new ETags, $4 attributes (jsonb), $5 models, $6 firmware, $7 firmware orders, $8 healthy, $9 connectivity,
    /// $10 gateways, $11 last seen. A row that is as it should be is looked at once and not written, and attributes are touched only where
    /// they differ. A row's place cannot change meanwhile: the transaction has the lock on its record. The pattern is AttributeNumber's.
    /// </summary>
    public const string PutDevices = $$"""
        WITH differing AS MATERIALIZED (
            SELECT w.*, d.ctid AS place, d.attributes IS DISTINCT FROM w.attributes AS has_other_attributes
            FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS w (
                type, thing, etag, attributes, model, firmware, firmware_order, healthy, connectivity, gateway, last_seen_at)
            LEFT JOIN devices AS d ON d.thing = w.thing
            WHERE (d.last_seen_at, d.connectivity, d.gateway, d.healthy, d.firmware, d.firmware_order, d.model, d.attributes)
                IS DISTINCT FROM
                (w.last_seen_at, w.connectivity, w.gateway, w.healthy, w.firmware, w.firmware_order, w.model, w.attributes)),
        changed AS MATERIALIZED (
            SELECT w.* FROM differing AS w JOIN grain_state AS g ON g.type = w.type AND g.key = w.thing AND g.etag = w.etag),
        updated AS (
            UPDATE devices AS d SET
                model = w.model, firmware = w.firmware, firmware_order = w.firmware_order, healthy = w.healthy,
                connectivity = w.connectivity, gateway = w.gateway, last_seen_at = w.last_seen_at, attributes = w.attributes
            FROM changed AS w WHERE d.ctid = w.place),
        inserted AS (
            INSERT INTO devices (thing, model, firmware, firmware_order, healthy, connectivity, gateway, last_seen_at, attributes)
            SELECT thing, model, firmware, firmware_order, healthy, connectivity, gateway, last_seen_at, attributes
            FROM changed WHERE place IS NULL),
        gone AS (
            DELETE FROM device_attributes AS a USING changed AS w
            WHERE w.has_other_attributes AND a.thing = w.thing AND NOT w.attributes ? a.name)
        INSERT INTO device_attributes (thing, name, value, number)
        SELECT w.thing, a.key, a.value, CASE WHEN a.value ~ '^-?[0-9]{1,15}(\.[0-9]{1,15})?$' THEN a.value::double precision END
        FROM changed AS w CROSS JOIN LATERAL jsonb_each_text(w.attributes) AS a WHERE w.has_other_attributes
        ON CONFLICT (thing, name) DO UPDATE SET value = EXCLUDED.value, number = EXCLUDED.number
            WHERE device_attributes.value <> EXCLUDED.value
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
            WHERE (catalog.status, catalog.created_at) <> (EXCLUDED.status, EXCLUDED.created_at)
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
