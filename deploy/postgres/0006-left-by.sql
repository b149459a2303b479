-- Whose a session was, while the fail-over of that gateway goes on: its successor may die meanwhile, with sessions of its own.

ALTER TABLE sessions ADD left_by bigint;  -- an owner; null: it was nobody's before, or that is over
