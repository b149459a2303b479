-- Retained messages have a budget for each principal; a session that goes on elsewhere gets those that it was to have.

ALTER TABLE retained_messages ADD principal text;  -- whose share it counts towards; null: nobody's
ALTER TABLE session_subscriptions ADD owes_retained boolean NOT NULL DEFAULT false;  -- some of those that it asked for are yet to come
