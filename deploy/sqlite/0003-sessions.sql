-- Persistent MQTT sessions: a message that was acknowledged is here until each session that is owed it has it. Numbers of sessions and messages
-- are an owner's number times 2^42, and a count.

-- Gateways, a row for each of their lives. What a fenced one writes is refused.
CREATE TABLE session_owners (
    number  INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    gateway TEXT    NOT NULL UNIQUE,  -- its id, new at each start
    name    TEXT,                     -- where it runs
    fenced  INTEGER NOT NULL          -- 0 or 1
);

CREATE TABLE sessions (
    id              INTEGER NOT NULL PRIMARY KEY,
    owner           INTEGER NOT NULL,  -- session_owners.number
    key             TEXT    NOT NULL,  -- the session's name among all sessions; a device's is its thing name
    epoch           INTEGER NOT NULL,  -- grows with each connection of the client id
    kind            TEXT    NOT NULL,  -- device, claim, operator, plain
    client_id       TEXT    NOT NULL,
    session_id      TEXT    NOT NULL,  -- of its last connection
    remote_address  TEXT    NOT NULL,
    thing           TEXT,
    certificate     TEXT,
    operator        TEXT,
    template        TEXT,              -- a claim's
    expiry_seconds  INTEGER NOT NULL,
    disconnected_at TEXT,              -- null: it has a connection
    maybe_sent      INTEGER NOT NULL,  -- so many of its first deliveries may have been sent
    will            TEXT,              -- JSON
    gateway         TEXT               -- the gateway that its lease names
);
CREATE INDEX sessions_by_owner ON sessions (owner);
CREATE INDEX sessions_by_key   ON sessions (key);

CREATE TABLE session_subscriptions (
    session    INTEGER NOT NULL,
    filter     TEXT    NOT NULL,
    options    INTEGER NOT NULL,       -- the options byte of SUBSCRIBE
    identifier INTEGER NOT NULL,       -- 0: none
    PRIMARY KEY (session, filter)
) WITHOUT ROWID;

-- Once for all sessions that are owed it.
CREATE TABLE session_messages (
    id         INTEGER NOT NULL PRIMARY KEY,
    topic      TEXT    NOT NULL,
    payload    BLOB    NOT NULL,
    qos        INTEGER NOT NULL,       -- as it was published
    retain     INTEGER NOT NULL,       -- as it was published
    properties BLOB    NOT NULL,       -- MQTT 5 properties as they were encoded
    expires_at TEXT                    -- null: never
);

CREATE TABLE session_deliveries (
    session     INTEGER NOT NULL,
    number      INTEGER NOT NULL,      -- the order in which they are sent
    message     INTEGER NOT NULL,      -- 0: the client has it, and PUBCOMP has not come
    qos         INTEGER NOT NULL,      -- 1 or 2
    retain      INTEGER NOT NULL,
    packet_id   INTEGER NOT NULL,      -- 0 with QoS 1
    identifiers BLOB    NOT NULL,      -- subscription identifiers, as the PUBLISH has them
    PRIMARY KEY (session, number)
) WITHOUT ROWID;

-- QoS 2 from the client: routed, PUBREL has not come.
CREATE TABLE session_received (
    session   INTEGER NOT NULL,
    packet_id INTEGER NOT NULL,
    PRIMARY KEY (session, packet_id)
) WITHOUT ROWID;
