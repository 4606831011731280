import { matchRoute } from '@sallyport/policy';
import type { CorsRules } from '../../state/current.ts';
import type { Answer, Located } from '../exchange.ts';
import { ownPrefix } from '../origins.ts';

/** A question of a browser before the request itself: Fetch, section 3.3.2. */
interface Preflight {
  readonly origin: string;
  readonly method: string;
  /** In lower case. */
  readonly headers: readonly string[];
}

/**
 * Answers the preflight of a request that a route with `cors` would get. Browsers send it without
 * cookies and certificates, so nobody could decide on it: the route's document says it, nothing
 * reaches the upstream, and nothing is told of any user. Without `cors` it is a request like any other.
 */
export function answerPreflight(value: Located): Located | Answer {
  const { head, path, bundle, raw } = value;
  if (head.method !== 'OPTIONS' || head.origin === null || path.startsWith(ownPrefix)) return value;
  const preflight = readPreflight(head.origin, raw.lines);
  if (preflight === null) return value;
  const matched = matchRoute(bundle.policy, { method: preflight.method, host: head.host, path });
  const name = matched.kind === 'none' ? '' : matched.route.name;
  const rules = bundle.routes.get(name)?.cors ?? null;
  if (rules === null) return value;
  value.own = true;
  const allowed = matched.kind === 'route' && allows(rules, preflight);
  return allowed
    ? { kind: 'preflight', lines: preflightLines(rules, preflight) }
    : { kind: 'refused', code: 'preflight_refused' };
}

/** null: it is none. What a browser writes once and stands twice is no preflight of a browser. */
function readPreflight(origin: string, lines: readonly string[]): Preflight | null {
  let method: string | null = null;
  let headers = '';
  for (let at = 0; at < lines.length; at += 2) {
    const name = lines[at]?.toLowerCase();
    const text = lines[at + 1] ?? '';
    if (name === 'access-control-request-headers') headers += `,${text}`;
    else if (name === 'access-control-request-method') {
      if (method !== null) return null;
      method = text;
    }
  }
  if (method === null) return null;
  const names = headers.toLowerCase().split(',');
  return { origin, method, headers: names.map((one) => one.trim()).filter((one) => one !== '') };
}

function allows(rules: CorsRules, { origin, method, headers }: Preflight): boolean {
  return (
    (rules.origins === null || rules.origins.has(origin)) &&
    rules.methods.has(method) &&
    headers.every((name) => rules.headers.has(name))
  );
}

function preflightLines(rules: CorsRules, { origin }: Preflight): readonly string[] {
  const lines = [
    'Access-Control-Allow-Origin',
    rules.origins === null ? '*' : origin,
    'Access-Control-Allow-Methods',
    [...rules.methods].join(', '),
    'Access-Control-Max-Age',
    String(rules.maxAgeSeconds),
    'Vary',
    'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
  ];
  if (rules.headers.size > 0) {
    lines.push('Access-Control-Allow-Headers', [...rules.headers].join(', '));
  }
  if (rules.credentials) lines.push('Access-Control-Allow-Credentials', 'true');
  return lines;
}
