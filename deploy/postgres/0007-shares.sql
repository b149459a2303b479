-- A message of a shared subscription goes to another member when its member's session ends (MQTT 5.0, 4.8.2).

ALTER TABLE session_deliveries ADD share text;  -- the filter, as clients write it; null: the subscription was not shared
