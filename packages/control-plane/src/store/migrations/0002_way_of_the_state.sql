CREATE TABLE "key_proposals" (
	"key_id" text PRIMARY KEY NOT NULL,
	"purpose" text NOT NULL,
	"public_key" "bytea" NOT NULL,
	"sealed_private_key" "bytea" NOT NULL,
	"not_before_ms" bigint NOT NULL,
	"not_after_ms" bigint NOT NULL,
	"proposed_by" text NOT NULL,
	"expires_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "leases" (
	"name" text PRIMARY KEY NOT NULL,
	"holder" text NOT NULL,
	"fence" bigint NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "database_identity" (
	"id" integer PRIMARY KEY NOT NULL,
	"system_identifier" text NOT NULL,
	"timeline" bigint NOT NULL,
	"seen_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "lane_epochs" (
	"lane" text NOT NULL,
	"epoch" bigint NOT NULL,
	"forked_epoch" bigint NOT NULL,
	"forked_rev" bigint NOT NULL,
	"reason" text NOT NULL,
	"at_ms" bigint NOT NULL,
	CONSTRAINT "lane_epochs_lane_epoch_pk" PRIMARY KEY("lane","epoch")
);
--> statement-breakpoint
CREATE TABLE "replicas" (
	"name" text PRIMARY KEY NOT NULL,
	"seen_at_ms" bigint NOT NULL,
	"heads" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ended_sessions" (
	"sid" text PRIMARY KEY NOT NULL,
	"expires_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signals" (
	"subject" text NOT NULL,
	"subject_id" text NOT NULL,
	"name" text NOT NULL,
	"value" text NOT NULL,
	"observed_at_ms" bigint NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	CONSTRAINT "signals_subject_subject_id_name_pk" PRIMARY KEY("subject","subject_id","name")
);
--> statement-breakpoint
ALTER TABLE "edges" ADD COLUMN "report" jsonb;--> statement-breakpoint
ALTER TABLE "revocations" ADD COLUMN "left_lane_at_ms" bigint;--> statement-breakpoint
CREATE INDEX "key_proposals_expiry" ON "key_proposals" USING btree ("expires_at_ms");--> statement-breakpoint
CREATE INDEX "ended_sessions_expiry" ON "ended_sessions" USING btree ("expires_at_ms");--> statement-breakpoint
CREATE INDEX "signals_expiry" ON "signals" USING btree ("expires_at_ms");--> statement-breakpoint
CREATE INDEX "revocations_expiry" ON "revocations" USING btree ("expires_at_ms") WHERE "revocations"."effect" = 'block' and "revocations"."left_lane_at_ms" is null;