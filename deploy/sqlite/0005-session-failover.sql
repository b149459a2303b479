-- What a dead gateway leaves goes to one successor, with all that was on its way there.

ALTER TABLE session_owners ADD heir   INTEGER;                     -- the owner that has what this one left; null while it lives
ALTER TABLE session_owners ADD buried INTEGER NOT NULL DEFAULT 0;  -- 1: nobody has anything for it any more
CREATE INDEX session_owners_by_heir ON session_owners (heir);

-- How far an owner has stored what another gateway sent it: written together with the deliveries, so that nothing is taken twice.
CREATE TABLE session_marks (
    owner  INTEGER NOT NULL,
    sender TEXT    NOT NULL,           -- a gateway's id
    number INTEGER NOT NULL,           -- of the last frame on the link between the two
    PRIMARY KEY (owner, sender)
) WITHOUT ROWID;
