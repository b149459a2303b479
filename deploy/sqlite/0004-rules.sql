-- Rules: a queue per rule, and what was given up of it. The rules themselves are grain records of type rule.

-- A queue can be appended to while its row is here. The numbers are kept with each change of the tables below, in the same transaction.
CREATE TABLE rule_queues (
    rule          TEXT    NOT NULL PRIMARY KEY,
    queued        INTEGER NOT NULL DEFAULT 0,  -- rows of rule_messages
    queued_bytes  INTEGER NOT NULL DEFAULT 0,  -- of their payloads
    dead          INTEGER NOT NULL DEFAULT 0,  -- rows of rule_dead_letters
    delivered     INTEGER NOT NULL DEFAULT 0,  -- since the rule was made
    failed        INTEGER NOT NULL DEFAULT 0,  -- given up since the rule was made
    last_error    TEXT,
    last_error_at TEXT
) WITHOUT ROWID;

-- Messages that wait for their rule's action, those under way included. A row goes when the action has taken the message, or it was given up.
CREATE TABLE rule_messages (
    sequence     INTEGER NOT NULL PRIMARY KEY,  -- the order of arrival
    rule         TEXT    NOT NULL,
    id           TEXT    NOT NULL,              -- what the receiver knows it by; 32 hex digits
    topic        TEXT    NOT NULL,
    client_id    TEXT,                          -- null: the service itself
    content_type TEXT,                          -- as the publisher said
    payload      BLOB    NOT NULL,
    received_at  TEXT    NOT NULL,
    queued_at    TEXT    NOT NULL,              -- received_at, or when it was replayed
    due_at       TEXT    NOT NULL,              -- not tried before
    attempts     INTEGER NOT NULL,              -- that have failed
    last_error   TEXT
);
CREATE INDEX rule_messages_by_due ON rule_messages (rule, due_at, sequence);

CREATE TABLE rule_dead_letters (
    rule         TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    topic        TEXT    NOT NULL,
    client_id    TEXT,
    content_type TEXT,
    payload      BLOB    NOT NULL,
    received_at  TEXT    NOT NULL,
    attempts     INTEGER NOT NULL,
    error        TEXT    NOT NULL,              -- of the last attempt
    died_at      TEXT    NOT NULL,
    PRIMARY KEY (rule, id)
);
CREATE INDEX rule_dead_letters_by_age ON rule_dead_letters (rule, died_at);
