-- The epoch is the time of installation, so that edges never take a new, empty database for the
-- history they know.
INSERT INTO "lane_heads" ("lane", "epoch", "rev")
SELECT "lane", extract(epoch FROM now())::bigint, 0
FROM unnest(ARRAY['revoke', 'signals', 'config', 'directory']) AS "lane";
--> statement-breakpoint
INSERT INTO "generations" ("scope", "subject_id", "value") VALUES ('global', '', 0);
