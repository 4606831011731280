CREATE TABLE "rollouts" (
	"id" text PRIMARY KEY NOT NULL,
	"version" bigint NOT NULL,
	"base" bigint NOT NULL,
	"state" text NOT NULL,
	"rings" jsonb NOT NULL,
	"gates" jsonb NOT NULL,
	"stage" integer NOT NULL,
	"stage_released_at_ms" bigint NOT NULL,
	"stage_epoch" bigint NOT NULL,
	"stage_rev" bigint NOT NULL,
	"stage_enforced_at_ms" bigint,
	"decisions" jsonb NOT NULL,
	"waiting" text,
	"reason" text,
	"started_by" text NOT NULL,
	"started_at_ms" bigint NOT NULL,
	"ended_at_ms" bigint
);
--> statement-breakpoint
ALTER TABLE "configuration_documents" DISABLE ROW LEVEL SECURITY;--> statement-breakpoint
DROP TABLE "configuration_documents" CASCADE;--> statement-breakpoint
ALTER TABLE "configuration_versions" ADD COLUMN "base" bigint;--> statement-breakpoint
UPDATE "configuration_versions" SET "base" = "version" - 1 WHERE "version" > 1;--> statement-breakpoint
ALTER TABLE "configuration_versions" ADD COLUMN "restores" bigint;--> statement-breakpoint
ALTER TABLE "configuration_versions" ADD COLUMN "author_id" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "configuration_versions" ADD COLUMN "state" text DEFAULT 'released' NOT NULL;--> statement-breakpoint
ALTER TABLE "configuration_versions" ADD COLUMN "state_reason" text;--> statement-breakpoint
ALTER TABLE "configuration_versions" ADD COLUMN "needs_approval" text[] DEFAULT '{}'::text[] NOT NULL;--> statement-breakpoint
ALTER TABLE "configuration_versions" ADD COLUMN "affected" jsonb;--> statement-breakpoint
ALTER TABLE "configuration_versions" ADD COLUMN "review" jsonb;--> statement-breakpoint
ALTER TABLE "access_records" ADD COLUMN "shadow_version" bigint;--> statement-breakpoint
ALTER TABLE "rollouts" ADD CONSTRAINT "rollouts_version_configuration_versions_version_fk" FOREIGN KEY ("version") REFERENCES "public"."configuration_versions"("version") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rollouts" ADD CONSTRAINT "rollouts_base_configuration_versions_version_fk" FOREIGN KEY ("base") REFERENCES "public"."configuration_versions"("version") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "rollouts_page" ON "rollouts" USING btree ("started_at_ms","id");--> statement-breakpoint
CREATE UNIQUE INDEX "rollouts_active" ON "rollouts" USING btree ((true)) WHERE "rollouts"."ended_at_ms" is null;--> statement-breakpoint
CREATE INDEX "configuration_versions_state" ON "configuration_versions" USING btree ("state","version");--> statement-breakpoint
CREATE INDEX "access_records_shadow" ON "access_records" USING btree ("shadow_version","id") WHERE "access_records"."shadow_version" is not null;