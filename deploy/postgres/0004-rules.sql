-- Rules: a queue per rule, and what was given up of it. The rules themselves are grain records of type rule.

-- A queue can be appended to while its row is here. The numbers are kept with each change of the tables below, in the same transaction, which
-- locks this row before it touches the others.
CREATE TABLE rule_queues (
    rule          text COLLATE "C" NOT NULL PRIMARY KEY,
    queued        bigint NOT NULL DEFAULT 0,  -- rows of rule_messages
    queued_bytes  bigint NOT NULL DEFAULT 0,  -- of their payloads
    dead          bigint NOT NULL DEFAULT 0,  -- rows of rule_dead_letters
    delivered     bigint NOT NULL DEFAULT 0,  -- since the rule was made
    failed        bigint NOT NULL DEFAULT 0,  -- given up since the rule was made
    last_error    text,
    last_error_at timestamptz
) WITH (fillfactor = 10);  -- written with each batch: room for many versions on its page

-- Messages that wait for their rule's action, those under way included. A row goes when the action has taken the message, or it was given up.
CREATE TABLE rule_messages (
    sequence     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- the order of arrival
    rule         text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,  -- what the receiver knows it by; 32 hex digits
    topic        text NOT NULL,
    client_id    text,                       -- null: the service itself
    content_type text,                       -- as the publisher said
    payload      bytea NOT NULL,
    received_at  timestamptz NOT NULL,
    queued_at    timestamptz NOT NULL,       -- received_at, or when it was replayed
    due_at       timestamptz NOT NULL,       -- not tried before
    attempts     integer NOT NULL,           -- that have failed
    last_error   text
);
CREATE INDEX rule_messages_by_due ON rule_messages (rule, due_at, sequence);

CREATE TABLE rule_dead_letters (
    rule         text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,
    topic        text NOT NULL,
    client_id    text,
    content_type text,
    payload      bytea NOT NULL,
    received_at  timestamptz NOT NULL,
    attempts     integer NOT NULL,
    error        text NOT NULL,              -- of the last attempt
    died_at      timestamptz NOT NULL,
    PRIMARY KEY (rule, id)
);
CREATE INDEX rule_dead_letters_by_age ON rule_dead_letters (rule, died_at);
