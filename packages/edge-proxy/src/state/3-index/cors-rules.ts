import { durationMs } from '@sallyport/policy';
import type { RouteDocument } from '@sallyport/shared/configuration/documents';
import type { CorsRules } from '../current.ts';

/** Those that need no preflight in any case. */
const simpleMethods = ['GET', 'HEAD', 'POST'];
const maxAgeDefaultMs = 600_000;

/** What a route's document says of other origins; null: nothing, and browsers keep them out. */
export function corsRules(cors: RouteDocument['spec']['cors']): CorsRules | null {
  if (cors === undefined) return null;
  const any = cors.allowOrigins.includes('*');
  if (any && cors.allowCredentials === true) {
    throw new TypeError('cors allows credentials to any origin');
  }
  const maxAgeMs = cors.maxAge === undefined ? maxAgeDefaultMs : durationMs(cors.maxAge);
  return {
    origins: any ? null : new Set(cors.allowOrigins),
    methods: new Set(cors.allowMethods ?? simpleMethods),
    headers: new Set((cors.allowHeaders ?? []).map((name) => name.toLowerCase())),
    exposed: (cors.exposeHeaders ?? []).join(', '),
    credentials: cors.allowCredentials ?? false,
    maxAgeSeconds: (maxAgeMs ?? 0) / 1000,
  };
}
