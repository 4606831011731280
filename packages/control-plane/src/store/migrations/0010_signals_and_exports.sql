CREATE TABLE "export_cursors" (
	"sink" text NOT NULL,
	"what" text NOT NULL,
	"position" bigint NOT NULL,
	"known" bigint NOT NULL,
	"missed" bigint NOT NULL,
	"failing_since_ms" bigint,
	"failure" text,
	"updated_at_ms" bigint NOT NULL,
	CONSTRAINT "export_cursors_sink_what_pk" PRIMARY KEY("sink","what")
);
--> statement-breakpoint
CREATE TABLE "webhook_deliveries" (
	"id" text PRIMARY KEY NOT NULL,
	"webhook" text NOT NULL,
	"type" text NOT NULL,
	"body" text NOT NULL,
	"state" text NOT NULL,
	"attempts" integer NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"next_at_ms" bigint NOT NULL,
	"give_up_at_ms" bigint NOT NULL,
	"last_status" integer,
	"last_failure" text,
	"settled_at_ms" bigint
);
--> statement-breakpoint
CREATE TABLE "findings" (
	"id" text PRIMARY KEY NOT NULL,
	"seq" bigserial NOT NULL,
	"detector" text NOT NULL,
	"subject" text NOT NULL,
	"subject_id" text NOT NULL,
	"user_id" text NOT NULL,
	"device_id" text,
	"sid" text,
	"reason" text NOT NULL,
	"score" integer NOT NULL,
	"half_life_ms" bigint NOT NULL,
	"matter" text NOT NULL,
	"evidence" jsonb NOT NULL,
	"at_ms" bigint NOT NULL,
	"last_at_ms" bigint NOT NULL,
	"times" integer DEFAULT 1 NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	"revocation_id" text,
	"dismissed_at_ms" bigint,
	"dismissed_by" text,
	"dismissed_why" text,
	"silent_until_ms" bigint,
	"kept_until_ms" bigint NOT NULL,
	CONSTRAINT "findings_seq_unique" UNIQUE("seq")
);
--> statement-breakpoint
CREATE TABLE "user_histories" (
	"key" uuid PRIMARY KEY NOT NULL,
	"seen_day" integer NOT NULL,
	"history" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "webhook_deliveries_page" ON "webhook_deliveries" USING btree ("created_at_ms","id");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_due" ON "webhook_deliveries" USING btree ("webhook","next_at_ms") WHERE "webhook_deliveries"."state" = 'pending';--> statement-breakpoint
CREATE INDEX "webhook_deliveries_settled" ON "webhook_deliveries" USING btree ("settled_at_ms");--> statement-breakpoint
CREATE UNIQUE INDEX "findings_page" ON "findings" USING btree ("at_ms","id");--> statement-breakpoint
CREATE INDEX "findings_user" ON "findings" USING btree ("user_id","at_ms");--> statement-breakpoint
CREATE INDEX "findings_subject" ON "findings" USING btree ("subject_id","detector");--> statement-breakpoint
CREATE INDEX "findings_device" ON "findings" USING btree ("device_id","at_ms");--> statement-breakpoint
CREATE INDEX "findings_session" ON "findings" USING btree ("sid","at_ms");--> statement-breakpoint
CREATE INDEX "findings_kept" ON "findings" USING btree ("kept_until_ms");--> statement-breakpoint
CREATE INDEX "user_histories_seen" ON "user_histories" USING btree ("seen_day");