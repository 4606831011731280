-- Sessions that were ended by name and whose statements could still be valid.
INSERT INTO "ended_sessions" ("sid", "expires_at_ms")
SELECT "sid", "expires_at_ms" FROM "sessions"
WHERE "ended_at_ms" IS NOT NULL AND "expires_at_ms" > extract(epoch FROM now())::bigint * 1000;
--> statement-breakpoint
UPDATE "revocations" SET "left_lane_at_ms" = coalesce("lifted_at_ms", "expires_at_ms")
WHERE "effect" = 'block'
  AND ("lifted_at_ms" IS NOT NULL OR "expires_at_ms" <= extract(epoch FROM now())::bigint * 1000);
