import { type TSchema, Type } from 'typebox';

/** Pieces that the schemas of several resources share. Unknown members are refused everywhere. */

export const closed = { additionalProperties: false } as const;

/** An id with its prefix, as `newId` makes it. */
export function idOf(prefix: string) {
  return Type.String({ pattern: `^${prefix}_[0-9a-hjkmnp-tv-z]{26}$` });
}

export function nullable<T extends TSchema>(schema: T) {
  return Type.Union([schema, Type.Null()]);
}

export const instant = Type.String({ description: 'RFC 3339, UTC, with milliseconds.' });

export const position = Type.Object(
  { epoch: Type.Integer(), rev: Type.Integer() },
  { description: 'A place in the history of a lane.' },
);

/** A name as documents and conditions have it. */
export const documentName = Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' });

/** An instant that a client says; whether there is such a day, `instantAt` finds out. */
export const writtenInstant = Type.String({
  maxLength: 40,
  description: 'RFC 3339 with an offset, such as 2026-12-01T08:00:00Z.',
});

/** SHA-256, lower-case hex. */
export const sha256Hex = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** One line of text for people. */
export const label = (maxLength: number) =>
  Type.String({ minLength: 1, maxLength, pattern: String.raw`^[^\p{Cc}]*$` });

/** What a person types to find a row. */
export const searchText = Type.String({ minLength: 1, maxLength: 128 });

/** RFC 3339 of an instant in milliseconds. */
export function isoOf(instantMs: number): string {
  return new Date(instantMs).toISOString();
}

export function isoOrNull(instantMs: number | null): string | null {
  return instantMs === null ? null : isoOf(instantMs);
}
