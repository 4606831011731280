CREATE TABLE "access_record_head" (
	"id" bigint PRIMARY KEY NOT NULL
);
--> statement-breakpoint
CREATE TABLE "legacy_identities" (
	"day" bigint NOT NULL,
	"route" text NOT NULL,
	"name" text NOT NULL,
	"requests" bigint NOT NULL,
	"first_seen_at_ms" bigint NOT NULL,
	"last_seen_at_ms" bigint NOT NULL,
	CONSTRAINT "legacy_identities_day_route_name_pk" PRIMARY KEY("day","route","name")
);