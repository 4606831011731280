CREATE TABLE "large_headers" (
	"day" bigint NOT NULL,
	"route" text NOT NULL,
	"what" text NOT NULL,
	"near" bigint NOT NULL,
	"over" bigint NOT NULL,
	"most_bytes" bigint NOT NULL,
	"limit_bytes" bigint NOT NULL,
	"last_seen_at_ms" bigint NOT NULL,
	CONSTRAINT "large_headers_day_route_what_pk" PRIMARY KEY("day","route","what")
);
