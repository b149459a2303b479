-- Fleet's database. Every table can be read with any SQL client while the service runs; only the service may write.
-- Times are RFC 3339 in UTC. JSON columns hold one document as text.

-- One row per grain record.
CREATE TABLE grain_state (
    type       TEXT    NOT NULL,  -- the grain's type, and /name for a record that is not called as the grain is
    key        TEXT    NOT NULL,
    state      TEXT    NOT NULL,  -- JSON
    etag       INTEGER NOT NULL,  -- grows with each write of any record
    updated_at TEXT    NOT NULL,
    PRIMARY KEY (type, key)
);

-- The fleet index: one row per device, written in the same transaction as the device's record.
CREATE TABLE devices (
    thing        TEXT NOT NULL PRIMARY KEY,
    model        TEXT NOT NULL,
    firmware     TEXT,              -- null until the device reports it
    healthy      INTEGER,           -- 0 or 1; null until the device reports it
    connectivity TEXT NOT NULL,     -- never, connected, disconnected, stale
    last_seen_at TEXT,
    attributes   TEXT NOT NULL      -- JSON object of strings
);
CREATE INDEX devices_by_model        ON devices (model, thing);
CREATE INDEX devices_by_firmware     ON devices (firmware, thing);
CREATE INDEX devices_by_connectivity ON devices (connectivity, thing);

-- The attributes again, one row each, to find devices by them.
CREATE TABLE device_attributes (
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    thing TEXT NOT NULL,
    PRIMARY KEY (name, value, thing)
) WITHOUT ROWID;

-- What operators list: firmware, rollouts, claims. Written in the same transaction as the record it is about.
CREATE TABLE catalog (
    kind       TEXT NOT NULL,
    key        TEXT NOT NULL,
    status     TEXT NOT NULL,
    created_at TEXT NOT NULL,
    type       TEXT NOT NULL,       -- grain_state.type; the key is the same in both
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE UNIQUE INDEX catalog_by_record ON catalog (type, key);

CREATE TABLE reminders (
    grain    TEXT    NOT NULL,      -- type/key
    name     TEXT    NOT NULL,
    hash     INTEGER NOT NULL,      -- the grain's place on the ring, 0 to 4294967295
    start_at TEXT    NOT NULL,
    period   TEXT    NOT NULL,      -- [d.]hh:mm:ss[.fffffff]
    etag     INTEGER NOT NULL,
    PRIMARY KEY (grain, name)
) WITHOUT ROWID;
CREATE INDEX reminders_by_hash ON reminders (hash);

CREATE TABLE retained_messages (
    topic      TEXT    NOT NULL PRIMARY KEY,
    payload    BLOB    NOT NULL,
    qos        INTEGER NOT NULL,
    properties BLOB    NOT NULL,    -- MQTT 5 properties as they were encoded
    stored_at  TEXT    NOT NULL,
    expires_at TEXT                 -- null: never
);

-- One row, rewritten by the readiness check to see that writing works.
CREATE TABLE storage_probe (
    id        INTEGER NOT NULL PRIMARY KEY CHECK (id = 0),
    probed_at TEXT    NOT NULL
);
