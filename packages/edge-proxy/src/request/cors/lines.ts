import type { CorsRules } from '../../state/current.ts';
import type { Received } from '../exchange.ts';

/** Folded: what the upstream says of it counts for nothing where the route's document says it. */
export const corsFamily = 'access-control-';

const none: readonly string[] = [];

/** The lines that let a page of an allowed origin read a response; name and value by turns. */
export function corsLines(rules: CorsRules | null, origin: string | null): readonly string[] {
  if (rules === null) return none;
  const lines: string[] = [];
  // Also where this request has no origin or a foreign one: a cache must tell them apart.
  if (rules.origins !== null) lines.push('Vary', 'Origin');
  if (origin === null || (rules.origins !== null && !rules.origins.has(origin))) return lines;
  lines.push('Access-Control-Allow-Origin', rules.origins === null ? '*' : origin);
  if (rules.credentials) lines.push('Access-Control-Allow-Credentials', 'true');
  if (rules.exposed !== '') lines.push('Access-Control-Expose-Headers', rules.exposed);
  return lines;
}

/** The same for an answer of ours to what has been decided on: a page may read why it was refused. */
export function corsLinesOfAnswer({ decision, bundle, head }: Received): readonly string[] {
  const route = decision?.route ?? null;
  if (route === null) return none;
  return corsLines(bundle?.routes.get(route)?.cors ?? null, head.origin);
}
