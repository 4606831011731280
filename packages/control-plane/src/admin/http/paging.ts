import { type TSchema, Type } from 'typebox';
import type { PageRequest } from '../../store/paging.ts';
import { badField } from './problems.ts';

/** Query parameters of every list. */
export const pageQuery = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 200, description: 'Rows at the most. Default: 50.' }),
  ),
  cursor: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 512,
      description: 'The `nextCursor` of the page before.',
    }),
  ),
} as const;

/** The answer of a list. */
export function pageOf<Item extends TSchema>(item: Item) {
  return Type.Object({
    items: Type.Array(item),
    nextCursor: Type.Union([Type.String(), Type.Null()], {
      description: 'null: there are no more rows.',
    }),
  });
}

export const limitDefault = 50;

/**
 * What a cursor says: where the page before ended, in the order of this list. It is not signed,
 * because it holds nothing that its bearer may not ask for; it is read strictly, and its values go
 * to the database as parameters.
 */
export function readCursor(
  list: string,
  text: string | undefined,
): readonly [number, string] | null {
  if (text === undefined) return null;
  const [name, at, id, ...more] = decode(text);
  const valid =
    name === list &&
    typeof at === 'number' &&
    Number.isSafeInteger(at) &&
    typeof id === 'string' &&
    /^[\w-]{0,128}$/.test(id) &&
    more.length === 0;
  if (!valid) throw badField('?cursor', 'is not a cursor of this list');
  return [at, id];
}

export function writeCursor(list: string, at: number, id: string): string {
  return Buffer.from(JSON.stringify([list, at, id]), 'utf8').toString('base64url');
}

function decode(text: string): unknown[] {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) return [];
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return Array.isArray(value) ? (value as unknown[]) : [];
  } catch {
    return [];
  }
}

interface ListQuery {
  readonly limit?: number;
  readonly cursor?: string;
}

/** The page that a request asks for. */
export function pageRequest(list: string, query: ListQuery): PageRequest {
  return { limit: query.limit ?? limitDefault, after: readCursor(list, query.cursor) };
}

/**
 * Cuts the rows that the store gave for a PageRequest, one beyond the limit where there are more,
 * to the page, and says where the next one begins.
 */
export function cutPage<Row>(
  list: string,
  request: PageRequest,
  rows: readonly Row[],
  keyOf: (row: Row) => readonly [number, string],
): { readonly rows: readonly Row[]; readonly nextCursor: string | null } {
  const shown = rows.slice(0, request.limit);
  const last = shown.at(-1);
  const more = rows.length > request.limit && last !== undefined;
  return { rows: shown, nextCursor: more ? writeCursor(list, ...keyOf(last)) : null };
}
