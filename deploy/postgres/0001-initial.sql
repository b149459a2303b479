-- Fleet's database: the same tables, names and meanings as in SQLite (deploy/sqlite/). Every table can be read with any SQL client while the
-- service runs; only the service may write. Text that is compared has the collation "C": its order is that of its characters' codes.

-- One row per grain record.
CREATE TABLE grain_state (
    type       text COLLATE "C" NOT NULL,  -- the grain's type, and /name for a record that is not called as the grain is
    key        text COLLATE "C" NOT NULL,
    state      text NOT NULL,              -- JSON
    etag       bigint NOT NULL,            -- of a write; never given twice
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (type, key)
) WITH (fillfactor = 60);  -- room for the next version of a row on its page, so that a write touches no index
-- Each process that writes takes numbers from here, 2^24 ETags at a time.
CREATE SEQUENCE etag_blocks;

-- The fleet index: one row per device, written in the same transaction as the device's record.
CREATE TABLE devices (
    thing          text COLLATE "C" NOT NULL PRIMARY KEY,
    model          text COLLATE "C" NOT NULL,
    firmware       text COLLATE "C",           -- null until the device reports it
    firmware_order text COLLATE "C",           -- the order of these texts is the precedence of the versions
    healthy        boolean,                    -- null until the device reports it
    connectivity   text COLLATE "C" NOT NULL,  -- never, connected, disconnected, stale
    gateway        text COLLATE "C",           -- the gateway that holds its session; null without one
    last_seen_at   timestamptz,
    attributes     jsonb NOT NULL              -- object of strings
) WITH (fillfactor = 80);
CREATE INDEX devices_by_model        ON devices (model, thing);
CREATE INDEX devices_by_firmware     ON devices (firmware_order, thing);
CREATE INDEX devices_by_connectivity ON devices (connectivity, thing);
CREATE INDEX devices_by_gateway      ON devices (gateway, thing) WHERE gateway IS NOT NULL;

-- The attributes again, one row each, to find devices by them.
CREATE TABLE device_attributes (
    thing  text COLLATE "C" NOT NULL,
    name   text COLLATE "C" NOT NULL,
    value  text COLLATE "C" NOT NULL,
    number double precision,                   -- the value, if it is a decimal number
    PRIMARY KEY (thing, name)
);
CREATE INDEX device_attributes_by_value  ON device_attributes (name, value, thing);
CREATE INDEX device_attributes_by_number ON device_attributes (name, number, thing) WHERE number IS NOT NULL;

-- What operators list: firmware, rollouts, claims. Written in the same transaction as the record it is about.
CREATE TABLE catalog (
    kind       text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    status     text NOT NULL,
    created_at timestamptz NOT NULL,
    type       text COLLATE "C" NOT NULL,      -- grain_state.type; the key is the same in both
    PRIMARY KEY (kind, key)
);
CREATE UNIQUE INDEX catalog_by_record ON catalog (type, key);

CREATE TABLE retained_messages (
    topic      text COLLATE "C" NOT NULL PRIMARY KEY,
    payload    bytea NOT NULL,                 -- empty: there was a message, and it was deleted less than a day ago
    qos        smallint NOT NULL,
    properties bytea NOT NULL,                 -- MQTT 5 properties as they were encoded
    stored_at  timestamptz NOT NULL,
    expires_at timestamptz,                    -- null: never
    version    bigint NOT NULL                 -- grows with each change of any topic
);
CREATE UNIQUE INDEX retained_messages_by_version ON retained_messages (version);
-- The last version. Its row lock makes changes commit in the order of their versions.
CREATE TABLE retained_version (
    id      integer NOT NULL PRIMARY KEY CHECK (id = 0),
    version bigint NOT NULL
);
INSERT INTO retained_version VALUES (0, 0);

-- One row, rewritten by the readiness check to see that writing works.
CREATE TABLE storage_probe (
    id        integer NOT NULL PRIMARY KEY CHECK (id = 0),
    probed_at timestamptz NOT NULL
);
