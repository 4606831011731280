-- What drizzle cannot say of this table (schema/records.ts): partitions by ranges of the id, one for
-- each day of arrival, and texts that compare by bytes. Days are made by the control plane, which
-- also says how they are stored (store/records/days.ts).
DROP TABLE "access_records";
--> statement-breakpoint
CREATE TABLE "access_records" (
	"id" bigint PRIMARY KEY NOT NULL,
	"time_ms" bigint NOT NULL,
	"config_version" bigint,
	"shadow_version" bigint,
	"edge_id" text COLLATE "C" NOT NULL,
	"correlation_id" text COLLATE "C" NOT NULL,
	"user_id" text COLLATE "C",
	"user_email" text COLLATE "C",
	"device_id" text COLLATE "C",
	"route" text COLLATE "C",
	"host" text COLLATE "C" NOT NULL,
	"outcome" text COLLATE "C" NOT NULL,
	"reasons" text[] COLLATE "C" NOT NULL,
	"rule_ids" text[] COLLATE "C" NOT NULL,
	"source_address" "inet",
	"record" json NOT NULL
) PARTITION BY RANGE ("id");
--> statement-breakpoint
CREATE INDEX "access_records_correlation" ON "access_records" USING btree ("correlation_id");--> statement-breakpoint
CREATE INDEX "access_records_user" ON "access_records" USING btree ("user_id","id") WHERE "user_id" is not null;--> statement-breakpoint
CREATE INDEX "access_records_device" ON "access_records" USING btree ("device_id","id") WHERE "device_id" is not null;--> statement-breakpoint
CREATE INDEX "access_records_route" ON "access_records" USING btree ("route","id");--> statement-breakpoint
CREATE INDEX "access_records_refused" ON "access_records" USING btree ("outcome","id") WHERE "outcome" <> 'permit' and "outcome" <> 'own';--> statement-breakpoint
CREATE INDEX "access_records_shadow" ON "access_records" USING btree ("shadow_version","id") WHERE "shadow_version" is not null;--> statement-breakpoint
CREATE INDEX "access_records_late" ON "access_records" USING btree ("id") WHERE ("id" >> 11) - "time_ms" > 3600000;--> statement-breakpoint
CREATE INDEX "access_records_time" ON "access_records" USING brin ("time_ms") WITH (pages_per_range=32,autosummarize=true);--> statement-breakpoint
INSERT INTO "access_record_head" ("id") VALUES (0);
