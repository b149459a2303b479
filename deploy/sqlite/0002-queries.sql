-- What the query language needs: versions in an order that SQL can compare, attributes that are numbers, and the gateway of a device.
-- firmware_order(text) and attribute_number(text) are the service's own functions (silo/Storage/FirmwareOrder.cs, AttributeNumber.cs).

-- A record is found by its key in one tree, rather than in an index and then a table.
CREATE TABLE grain_state_2 (
    type       TEXT    NOT NULL,  -- the grain's type, and /name for a record that is not called as the grain is
    key        TEXT    NOT NULL,
    state      TEXT    NOT NULL,  -- JSON
    etag       INTEGER NOT NULL,  -- grows with each write of any record
    updated_at TEXT    NOT NULL,
    PRIMARY KEY (type, key)
) WITHOUT ROWID;
INSERT INTO grain_state_2 SELECT type, key, state, etag, updated_at FROM grain_state ORDER BY type, key;
DROP TABLE grain_state;
ALTER TABLE grain_state_2 RENAME TO grain_state;

CREATE TABLE devices_2 (
    thing          TEXT NOT NULL PRIMARY KEY,
    model          TEXT NOT NULL,
    firmware       TEXT,              -- null until the device reports it
    firmware_order TEXT,              -- the order of these texts is the precedence of the versions
    healthy        INTEGER,           -- 0 or 1; null until the device reports it
    connectivity   TEXT NOT NULL,     -- never, connected, disconnected, stale
    gateway        TEXT,              -- the gateway that holds its session; null without one
    last_seen_at   TEXT,
    attributes     TEXT NOT NULL      -- JSON object of strings
) WITHOUT ROWID;
INSERT INTO devices_2 (thing, model, firmware, firmware_order, healthy, connectivity, last_seen_at, attributes)
SELECT thing, model, firmware, firmware_order(firmware), healthy, connectivity, last_seen_at, attributes FROM devices ORDER BY thing;
DROP TABLE devices;
ALTER TABLE devices_2 RENAME TO devices;
CREATE INDEX devices_by_model        ON devices (model, thing);
CREATE INDEX devices_by_firmware     ON devices (firmware_order, thing);
CREATE INDEX devices_by_connectivity ON devices (connectivity, thing);
CREATE INDEX devices_by_gateway      ON devices (gateway, thing) WHERE gateway IS NOT NULL;

-- The attributes again, one row each, to find devices by them.
CREATE TABLE device_attributes_2 (
    thing  TEXT NOT NULL,
    name   TEXT NOT NULL,
    value  TEXT NOT NULL,
    number REAL,                      -- the value, if it is a decimal number
    PRIMARY KEY (thing, name)
) WITHOUT ROWID;
INSERT INTO device_attributes_2 SELECT thing, name, value, attribute_number(value) FROM device_attributes ORDER BY thing, name;
DROP TABLE device_attributes;
ALTER TABLE device_attributes_2 RENAME TO device_attributes;
CREATE INDEX device_attributes_by_value  ON device_attributes (name, value, thing);
CREATE INDEX device_attributes_by_number ON device_attributes (name, number, thing) WHERE number IS NOT NULL;

-- Each change of a retained message has a version of its own. A deletion leaves a row with an empty payload for a day, so that a gateway that
-- asks for what changed learns of it.
CREATE TABLE retained_version (
    id      INTEGER NOT NULL PRIMARY KEY CHECK (id = 0),
    version INTEGER NOT NULL
);
ALTER TABLE retained_messages ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
UPDATE retained_messages SET version = rowid;
INSERT INTO retained_version SELECT 0, COALESCE(MAX(version), 0) FROM retained_messages;
CREATE UNIQUE INDEX retained_messages_by_version ON retained_messages (version);
