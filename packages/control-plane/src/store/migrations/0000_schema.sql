CREATE TABLE "admin_audit" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"at_ms" bigint NOT NULL,
	"actor_kind" text NOT NULL,
	"actor_id" text NOT NULL,
	"actor_label" text NOT NULL,
	"verb" text NOT NULL,
	"resource" text NOT NULL,
	"resource_id" text NOT NULL,
	"detail" jsonb NOT NULL,
	"request_id" text NOT NULL,
	"source_address" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "admin_tokens" (
	"id" text PRIMARY KEY NOT NULL,
	"token_hash" "bytea" NOT NULL,
	"role" text NOT NULL,
	"label" text NOT NULL,
	"created_by" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"expires_at_ms" bigint,
	"last_used_at_ms" bigint,
	"revoked_at_ms" bigint,
	CONSTRAINT "admin_tokens_token_hash_unique" UNIQUE("token_hash")
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"token_id" text NOT NULL,
	"key" text NOT NULL,
	"request_hash" "bytea" NOT NULL,
	"status" integer NOT NULL,
	"sealed_body" "bytea" NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	CONSTRAINT "idempotency_keys_token_id_key_pk" PRIMARY KEY("token_id","key")
);
--> statement-breakpoint
CREATE TABLE "configuration_documents" (
	"kind" text NOT NULL,
	"name" text NOT NULL,
	"from_version" bigint NOT NULL,
	"until_version" bigint,
	"document" jsonb NOT NULL,
	CONSTRAINT "configuration_documents_kind_name_from_version_pk" PRIMARY KEY("kind","name","from_version")
);
--> statement-breakpoint
CREATE TABLE "configuration_versions" (
	"version" bigint PRIMARY KEY NOT NULL,
	"author" text NOT NULL,
	"message" text NOT NULL,
	"changes" jsonb NOT NULL,
	"bundle" "bytea" NOT NULL,
	"bundle_sha256" "bytea" NOT NULL,
	"created_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "releases" (
	"ring" text PRIMARY KEY NOT NULL,
	"version" bigint NOT NULL,
	"released_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "device_certificates" (
	"sha256" text PRIMARY KEY NOT NULL,
	"device_id" text NOT NULL,
	"not_before_ms" bigint NOT NULL,
	"not_after_ms" bigint NOT NULL,
	"source" text NOT NULL,
	"der" "bytea" NOT NULL,
	"key_sha256" text NOT NULL,
	"created_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "devices" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"managed" boolean NOT NULL,
	"owner_user_id" text,
	"created_at_ms" bigint NOT NULL,
	"updated_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "group_members" (
	"group_id" text NOT NULL,
	"user_id" text NOT NULL,
	"issuer" text NOT NULL,
	"subject" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	CONSTRAINT "group_members_group_id_user_id_issuer_subject_pk" PRIMARY KEY("group_id","user_id","issuer","subject")
);
--> statement-breakpoint
CREATE TABLE "groups" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	CONSTRAINT "groups_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "user_identities" (
	"issuer" text NOT NULL,
	"subject" text NOT NULL,
	"user_id" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"last_sign_in_at_ms" bigint,
	CONSTRAINT "user_identities_issuer_subject_pk" PRIMARY KEY("issuer","subject")
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" text PRIMARY KEY NOT NULL,
	"email" text NOT NULL,
	"display_name" text NOT NULL,
	"status" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"updated_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "edges" (
	"id" text PRIMARY KEY NOT NULL,
	"region" text NOT NULL,
	"labels" jsonb NOT NULL,
	"assertion_jwks" text[] NOT NULL,
	"identity_sha256" text NOT NULL,
	"identity_not_after_ms" bigint NOT NULL,
	"joined_at_ms" bigint NOT NULL,
	"renewed_at_ms" bigint NOT NULL,
	"last_seen_at_ms" bigint,
	"software_version" text DEFAULT '' NOT NULL,
	"positions" jsonb
);
--> statement-breakpoint
CREATE TABLE "join_tokens" (
	"id" text PRIMARY KEY NOT NULL,
	"token_hash" "bytea" NOT NULL,
	"created_by" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	"used_at_ms" bigint,
	"used_by_edge_id" text,
	CONSTRAINT "join_tokens_token_hash_unique" UNIQUE("token_hash")
);
--> statement-breakpoint
CREATE TABLE "installation" (
	"id" integer PRIMARY KEY NOT NULL,
	"trust_domain" text NOT NULL,
	"root_public_key" "bytea" NOT NULL,
	"created_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "secrets" (
	"id" text PRIMARY KEY NOT NULL,
	"holder" text NOT NULL,
	"version" bigint NOT NULL,
	"sealed_value" "bytea" NOT NULL,
	"sha256" "bytea" NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"updated_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "signing_keys" (
	"key_id" text PRIMARY KEY NOT NULL,
	"purpose" text NOT NULL,
	"public_key" "bytea" NOT NULL,
	"sealed_private_key" "bytea" NOT NULL,
	"certificate_pem" text,
	"root_signature" "bytea",
	"not_before_ms" bigint NOT NULL,
	"not_after_ms" bigint NOT NULL,
	"created_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "change_log" (
	"lane" text NOT NULL,
	"epoch" bigint NOT NULL,
	"rev" bigint NOT NULL,
	"prev_rev" bigint NOT NULL,
	"body" "bytea" NOT NULL,
	"written_at_ms" bigint NOT NULL,
	CONSTRAINT "change_log_lane_epoch_rev_pk" PRIMARY KEY("lane","epoch","rev")
);
--> statement-breakpoint
CREATE TABLE "lane_heads" (
	"lane" text PRIMARY KEY NOT NULL,
	"epoch" bigint NOT NULL,
	"rev" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "access_records" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"correlation_id" text NOT NULL,
	"edge_id" text NOT NULL,
	"time_ms" bigint NOT NULL,
	"user_id" text,
	"user_email" text,
	"sid" text,
	"device_id" text,
	"route" text,
	"host" text NOT NULL,
	"outcome" text NOT NULL,
	"record" jsonb NOT NULL,
	"received_at_ms" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "generations" (
	"scope" text NOT NULL,
	"subject_id" text NOT NULL,
	"value" bigint NOT NULL,
	CONSTRAINT "generations_scope_subject_id_pk" PRIMARY KEY("scope","subject_id")
);
--> statement-breakpoint
CREATE TABLE "revocations" (
	"id" text PRIMARY KEY NOT NULL,
	"target" text NOT NULL,
	"subject_id" text NOT NULL,
	"subject_key_sha256" text,
	"effect" text NOT NULL,
	"reason" text NOT NULL,
	"created_by" text NOT NULL,
	"created_at_ms" bigint NOT NULL,
	"expires_at_ms" bigint,
	"lifted_at_ms" bigint,
	"lifted_by" text
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"sid" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"device_id" text,
	"provider" text NOT NULL,
	"authenticated_at_ms" bigint NOT NULL,
	"amr" text[] NOT NULL,
	"acr" text,
	"issued_at_ms" bigint NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	"generation_global" bigint NOT NULL,
	"generation_user" bigint NOT NULL,
	"generation_device" bigint NOT NULL,
	"source_address" text NOT NULL,
	"user_agent" text NOT NULL,
	"edge_id" text NOT NULL,
	"ended_at_ms" bigint
);
--> statement-breakpoint
CREATE TABLE "single_use" (
	"purpose" text NOT NULL,
	"value" text NOT NULL,
	"expires_at_ms" bigint NOT NULL,
	CONSTRAINT "single_use_purpose_value_pk" PRIMARY KEY("purpose","value")
);
--> statement-breakpoint
ALTER TABLE "configuration_documents" ADD CONSTRAINT "configuration_documents_from_version_configuration_versions_version_fk" FOREIGN KEY ("from_version") REFERENCES "public"."configuration_versions"("version") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "configuration_documents" ADD CONSTRAINT "configuration_documents_until_version_configuration_versions_version_fk" FOREIGN KEY ("until_version") REFERENCES "public"."configuration_versions"("version") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "releases" ADD CONSTRAINT "releases_version_configuration_versions_version_fk" FOREIGN KEY ("version") REFERENCES "public"."configuration_versions"("version") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "device_certificates" ADD CONSTRAINT "device_certificates_device_id_devices_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."devices"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "devices" ADD CONSTRAINT "devices_owner_user_id_users_id_fk" FOREIGN KEY ("owner_user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "group_members" ADD CONSTRAINT "group_members_group_id_groups_id_fk" FOREIGN KEY ("group_id") REFERENCES "public"."groups"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "group_members" ADD CONSTRAINT "group_members_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "user_identities" ADD CONSTRAINT "user_identities_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_device_id_devices_id_fk" FOREIGN KEY ("device_id") REFERENCES "public"."devices"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "admin_audit_resource" ON "admin_audit" USING btree ("resource","resource_id");--> statement-breakpoint
CREATE UNIQUE INDEX "admin_tokens_page" ON "admin_tokens" USING btree ("created_at_ms","id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_expiry" ON "idempotency_keys" USING btree ("expires_at_ms");--> statement-breakpoint
CREATE INDEX "configuration_documents_until" ON "configuration_documents" USING btree ("until_version");--> statement-breakpoint
CREATE INDEX "device_certificates_device" ON "device_certificates" USING btree ("device_id");--> statement-breakpoint
CREATE INDEX "devices_owner" ON "devices" USING btree ("owner_user_id");--> statement-breakpoint
CREATE UNIQUE INDEX "devices_page" ON "devices" USING btree ("created_at_ms","id");--> statement-breakpoint
CREATE INDEX "group_members_user" ON "group_members" USING btree ("user_id");--> statement-breakpoint
CREATE UNIQUE INDEX "groups_page" ON "groups" USING btree ("created_at_ms","id");--> statement-breakpoint
CREATE INDEX "user_identities_user" ON "user_identities" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "users_email" ON "users" USING btree ("email");--> statement-breakpoint
CREATE UNIQUE INDEX "users_page" ON "users" USING btree ("created_at_ms","id");--> statement-breakpoint
CREATE UNIQUE INDEX "edges_page" ON "edges" USING btree ("joined_at_ms","id");--> statement-breakpoint
CREATE INDEX "join_tokens_expiry" ON "join_tokens" USING btree ("expires_at_ms");--> statement-breakpoint
CREATE INDEX "signing_keys_purpose" ON "signing_keys" USING btree ("purpose","not_after_ms");--> statement-breakpoint
CREATE INDEX "change_log_age" ON "change_log" USING btree ("written_at_ms");--> statement-breakpoint
CREATE UNIQUE INDEX "access_records_correlation" ON "access_records" USING btree ("correlation_id","edge_id");--> statement-breakpoint
CREATE INDEX "access_records_user" ON "access_records" USING btree ("user_id","id");--> statement-breakpoint
CREATE INDEX "access_records_email" ON "access_records" USING btree ("user_email","id");--> statement-breakpoint
CREATE INDEX "access_records_device" ON "access_records" USING btree ("device_id","id");--> statement-breakpoint
CREATE INDEX "access_records_route" ON "access_records" USING btree ("route","id");--> statement-breakpoint
CREATE INDEX "access_records_host" ON "access_records" USING btree ("host","id");--> statement-breakpoint
CREATE INDEX "access_records_received" ON "access_records" USING btree ("received_at_ms");--> statement-breakpoint
CREATE INDEX "revocations_subject" ON "revocations" USING btree ("target","subject_id");--> statement-breakpoint
CREATE INDEX "revocations_key" ON "revocations" USING btree ("subject_key_sha256");--> statement-breakpoint
CREATE UNIQUE INDEX "revocations_page" ON "revocations" USING btree ("created_at_ms","id");--> statement-breakpoint
CREATE INDEX "sessions_user" ON "sessions" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "sessions_device" ON "sessions" USING btree ("device_id");--> statement-breakpoint
CREATE INDEX "sessions_expiry" ON "sessions" USING btree ("expires_at_ms");--> statement-breakpoint
CREATE UNIQUE INDEX "sessions_page" ON "sessions" USING btree ("issued_at_ms","sid");--> statement-breakpoint
CREATE INDEX "single_use_expiry" ON "single_use" USING btree ("expires_at_ms");