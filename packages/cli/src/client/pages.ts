import type { Api, Query } from './api.ts';
import { type Json, readObject, readObjects } from './reading.ts';

/** Rows of a list, and where the next ones begin. */
export interface Page {
  readonly items: readonly Json[];
  readonly nextCursor: string | null;
}

const pageRowsMax = 200;

/** Reads up to `limit` rows, page by page, from `cursor` on. */
export async function readPages(
  api: Api,
  path: string,
  query: Query,
  { limit, cursor }: { limit: number; cursor?: string },
): Promise<Page> {
  const items: Json[] = [];
  let next = cursor ?? null;
  do {
    const page = await readPage(api, path, {
      ...query,
      limit: Math.min(pageRowsMax, limit - items.length),
      cursor: next ?? undefined,
    });
    items.push(...page.items);
    // A page may be empty and not the last; one that leads to itself is.
    next = page.nextCursor === next ? null : page.nextCursor;
  } while (next !== null && items.length < limit);
  return { items, nextCursor: next };
}

/** The same for lists that say something of the whole besides: `head` is the first answer. */
export async function readPagesWithHead(
  api: Api,
  path: string,
  query: Query,
  { limit, cursor }: { limit: number; cursor?: string },
): Promise<Page & { readonly head: Json }> {
  const first = { ...query, limit: Math.min(pageRowsMax, limit), cursor };
  const head = readObject(await api.get(path, first), 'a list');
  const begun = pageOf(head);
  if (begun.nextCursor === null || begun.items.length >= limit) return { head, ...begun };
  const rest = { limit: limit - begun.items.length, cursor: begun.nextCursor };
  const more = await readPages(api, path, query, rest);
  return { head, items: [...begun.items, ...more.items], nextCursor: more.nextCursor };
}

/** Reads one page. */
export async function readPage(api: Api, path: string, query: Query): Promise<Page> {
  return pageOf(readObject(await api.get(path, query), 'a list'));
}

function pageOf(page: Json): Page {
  const next = page['nextCursor'];
  return { items: readObjects(page, 'items'), nextCursor: typeof next === 'string' ? next : null };
}
