-- Persistent MQTT sessions: a message that was acknowledged is here until each session that is owed it has it. Numbers of sessions and messages
-- are an owner's number times 2^42, and a count.

-- Gateways, a row for each of their lives. What a fenced one writes is refused.
CREATE TABLE session_owners (
    number  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    gateway text COLLATE "C" NOT NULL UNIQUE,  -- its id, new at each start
    name    text COLLATE "C",                  -- where it runs
    fenced  boolean NOT NULL
);
-- The first statement of each batch: it is written while its owner is not fenced, and whoever fences it waits for the batch.
CREATE FUNCTION demand_session_owner(owner bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM session_owners WHERE number = owner AND NOT fenced FOR SHARE;
    IF NOT FOUND THEN RAISE EXCEPTION 'Session owner % is fenced', owner USING ERRCODE = 'FL001'; END IF;
END $$;

CREATE TABLE sessions (
    id              bigint NOT NULL PRIMARY KEY,
    owner           bigint NOT NULL,           -- session_owners.number
    key             text COLLATE "C" NOT NULL, -- the session's name among all sessions; a device's is its thing name
    epoch           bigint NOT NULL,           -- grows with each connection of the client id
    kind            text NOT NULL,             -- device, claim, operator, plain
    client_id       text NOT NULL,
    session_id      text NOT NULL,             -- of its last connection
    remote_address  text NOT NULL,
    thing           text,
    certificate     text,
    operator        text,
    template        text,                      -- a claim's
    expiry_seconds  bigint NOT NULL,
    disconnected_at timestamptz,               -- null: it has a connection
    maybe_sent      integer NOT NULL,          -- so many of its first deliveries may have been sent
    will            text,                      -- JSON
    gateway         text                       -- the gateway that its lease names
) WITH (fillfactor = 80);
CREATE INDEX sessions_by_owner ON sessions (owner);
CREATE INDEX sessions_by_key   ON sessions (key);

CREATE TABLE session_subscriptions (
    session    bigint NOT NULL,
    filter     text COLLATE "C" NOT NULL,
    options    smallint NOT NULL,              -- the options byte of SUBSCRIBE
    identifier bigint NOT NULL,                -- 0: none
    PRIMARY KEY (session, filter)
);

-- Once for all sessions that are owed it.
CREATE TABLE session_messages (
    id         bigint NOT NULL PRIMARY KEY,
    topic      text COLLATE "C" NOT NULL,
    payload    bytea NOT NULL,
    qos        smallint NOT NULL,              -- as it was published
    retain     boolean NOT NULL,               -- as it was published
    properties bytea NOT NULL,                 -- MQTT 5 properties as they were encoded
    expires_at timestamptz                     -- null: never
);

CREATE TABLE session_deliveries (
    session     bigint NOT NULL,
    number      bigint NOT NULL,               -- the order in which they are sent
    message     bigint NOT NULL,               -- 0: the client has it, and PUBCOMP has not come
    qos         smallint NOT NULL,             -- 1 or 2
    retain      boolean NOT NULL,
    packet_id   integer NOT NULL,              -- 0 with QoS 1
    identifiers bytea NOT NULL,                -- subscription identifiers, as the PUBLISH has them
    PRIMARY KEY (session, number)
);

-- QoS 2 from the client: routed, PUBREL has not come.
CREATE TABLE session_received (
    session   bigint NOT NULL,
    packet_id integer NOT NULL,
    PRIMARY KEY (session, packet_id)
);
