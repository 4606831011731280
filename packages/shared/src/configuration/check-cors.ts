import { durationMs } from '@sallyport/policy';
import type { RouteDocument } from './documents.ts';
import type { Complain } from './references.ts';
import { originProblem } from './urls.ts';

/** Browsers remember no preflight for longer. */
const maxAgeMsMax = 86_400_000;
const family = /^access-control-/i;

/** What the schema cannot see of the origins that a route lets in, and what would contradict them. */
export function checkCors({ cors, headers }: RouteDocument['spec'], complain: Complain): void {
  for (const [index, { name }] of (headers?.response?.set ?? []).entries()) {
    if (!family.test(name)) continue;
    complain(`/spec/headers/response/set/${index}/name`, 'is said by the field cors');
  }
  if (cors === undefined) return;
  for (const [index, name] of (headers?.response?.remove ?? []).entries()) {
    if (!family.test(name)) continue;
    const message = 'has no effect beside the field cors, which takes them all out';
    complain(`/spec/headers/response/remove/${index}`, message);
  }
  checkOrigins(cors, complain);
  if (cors.maxAge !== undefined && (durationMs(cors.maxAge) ?? Infinity) > maxAgeMsMax) {
    complain('/spec/cors/maxAge', 'must be 24h at the most');
  }
}

function checkOrigins(
  { allowOrigins, allowCredentials }: NonNullable<RouteDocument['spec']['cors']>,
  complain: Complain,
): void {
  for (const [index, origin] of allowOrigins.entries()) {
    const path = `/spec/cors/allowOrigins/${index}`;
    if (origin !== '*') {
      const wrong = originProblem(origin);
      if (wrong !== null) complain(path, wrong);
    } else if (allowCredentials === true) {
      complain(path, 'must not be * where credentials are allowed: any site could act for a user');
    } else if (allowOrigins.length > 1) {
      complain(path, 'must stand alone: * takes in every other origin');
    }
  }
}
