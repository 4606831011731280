import type { RouteDocument } from './documents.ts';

type Upstream = RouteDocument['spec']['upstream'];

/** One address of an upstream as written, with what holds for all of them filled in. */
export interface WrittenTarget {
  readonly url: string;
  readonly weight: number;
  /** null: the URL's host. */
  readonly serverName: string | null;
}

/** The addresses of an upstream: the one of `url`, or those of `targets`. */
export function writtenTargets({ url, targets, serverName = '' }: Upstream): WrittenTarget[] {
  const all = targets ?? (url === undefined ? [] : [{ url }]);
  return all.map((target: NonNullable<Upstream['targets']>[number]) => ({
    url: target.url,
    weight: target.weight ?? 1,
    serverName: target.serverName ?? (serverName === '' ? null : serverName),
  }));
}
