ALTER TABLE "releases" ADD COLUMN "shadow_version" bigint;--> statement-breakpoint
ALTER TABLE "devices" ADD COLUMN "posture" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "employment_class" text;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "employment_ends_at_ms" bigint;--> statement-breakpoint
ALTER TABLE "releases" ADD CONSTRAINT "releases_shadow_version_configuration_versions_version_fk" FOREIGN KEY ("shadow_version") REFERENCES "public"."configuration_versions"("version") ON DELETE no action ON UPDATE no action;