import { canonicalHost, durationMs, isCanonicalPath } from '@sallyport/policy';
import { isSpiffeId } from '../pki/spiffe.ts';
import type { RouteDocument } from './documents.ts';
import { patternCovers } from './lint/patterns.ts';
import { type Complain, type Context, checkTrustBundle } from './references.ts';
import {
  defaultAssertionTtlSeconds,
  defaultCheckIntervalMs,
  defaultCheckTimeoutMs,
  defaultQueueWaitMs,
} from './route-defaults.ts';
import { upstreamUrlProblem } from './urls.ts';

type Spec = RouteDocument['spec'];

const longestMs = 86_400_000;
const withoutTls = 'has no meaning without TLS (plainHttp: true)';

/** What a route says of its upstream: addresses that may be asked, and fields that go together. */
export function checkUpstream(spec: Spec, context: Context, complain: Complain): void {
  const { url, targets, plainHttp = false, trustBundle, serverName } = spec.upstream;
  if ((url === undefined) === (targets === undefined)) {
    complain('/spec/upstream', 'must have url or targets, one of them');
  }
  checkTarget({ url, serverName }, plainHttp, '/spec/upstream', context, complain);
  for (const [index, target] of (targets ?? []).entries()) {
    const path = `/spec/upstream/targets/${index}`;
    checkTarget(target, plainHttp, path, context, complain);
    const first = targets?.findIndex((other) => other.url === target.url);
    if (first !== index) complain(`${path}/url`, `is the same as number ${(first ?? 0) + 1}`);
  }
  if (plainHttp && trustBundle !== undefined) complain('/spec/upstream/trustBundle', withoutTls);
  checkTrustBundle(trustBundle, 'upstream', '/spec/upstream/trustBundle', context, complain);
  for (const [field, written] of Object.entries(spec.upstream.timeouts ?? {})) {
    if ((durationMs(written) ?? 0) <= longestMs) continue;
    complain(`/spec/upstream/timeouts/${field}`, 'must be a day at the most');
  }
  const { time } = spec.upstream.ejection ?? {};
  if (time !== undefined && (durationMs(time) ?? 0) > longestMs) {
    complain('/spec/upstream/ejection/time', 'must be a day at the most');
  }
  const { connectionMaxAge } = spec.upstream;
  if (connectionMaxAge !== undefined && (durationMs(connectionMaxAge) ?? 0) > longestMs) {
    complain('/spec/upstream/connectionMaxAge', 'must be a day at the most');
  }
  checkSpiffeId(spec.upstream, complain);
  checkPath(spec, complain);
  checkHealthChecks(spec.upstream, complain);
  checkQueueWait(spec, complain);
}

function checkTarget(
  {
    url,
    serverName,
  }: { readonly url: string | undefined; readonly serverName?: string | undefined },
  plainHttp: boolean,
  path: string,
  context: Context,
  complain: Complain,
): void {
  const problem = url === undefined ? null : upstreamUrlProblem(url, plainHttp, context.internal);
  if (problem !== null) complain(`${path}/url`, problem);
  if (serverName === undefined) return;
  if (plainHttp) complain(`${path}/serverName`, withoutTls);
  if (canonicalHost(serverName) !== serverName) {
    complain(`${path}/serverName`, 'must be a DNS name');
  }
}

function checkSpiffeId(upstream: Spec['upstream'], complain: Complain): void {
  const { spiffeId, trustBundle, plainHttp = false } = upstream;
  const path = '/spec/upstream/spiffeId';
  if (spiffeId === undefined) return;
  if (!isSpiffeId(spiffeId)) complain(path, 'must be a SPIFFE ID: a trust domain and a path');
  if (plainHttp) complain(path, withoutTls);
  // Public authorities vouch for names; nobody asks them for this.
  else if (trustBundle === undefined) complain(path, 'needs a trustBundle to believe it from');
}

function checkPath({ upstream: { path = {} }, match }: Spec, complain: Complain): void {
  for (const [field, prefix] of Object.entries(path)) {
    if (isCanonicalPath(prefix) && !prefix.endsWith('/') && !prefix.includes('*')) continue;
    complain(
      `/spec/upstream/path/${field}`,
      'must be a path in its canonical form, no slash at its end',
    );
  }
  const { stripPrefix } = path;
  if (stripPrefix === undefined) return;
  if (match.every((one) => patternCovers(`${stripPrefix}/**`, one.path ?? '/**'))) return;
  complain(
    '/spec/upstream/path/stripPrefix',
    'must be the beginning of every path that the route matches',
  );
}

function checkHealthChecks({ health }: Spec['upstream'], complain: Complain): void {
  if (health === undefined) return;
  if (!isCanonicalPath(health.path)) {
    complain('/spec/upstream/health/path', 'must be a path in its canonical form, without a query');
  }
  const intervalMs = durationMs(health.interval ?? '') ?? defaultCheckIntervalMs;
  const timeoutMs = durationMs(health.timeout ?? '') ?? defaultCheckTimeoutMs;
  if (intervalMs > longestMs) {
    complain('/spec/upstream/health/interval', 'must be a day at the most');
  }
  if (timeoutMs > intervalMs) {
    complain('/spec/upstream/health/timeout', 'must not be longer than the interval');
  }
}

/** A request that waited must not come with an assertion that has ended. */
function checkQueueWait({ upstream, identity }: Spec, complain: Complain): void {
  const { queueWait } = upstream.limits ?? {};
  const waitMs = (queueWait === undefined ? null : durationMs(queueWait)) ?? defaultQueueWaitMs;
  const freshMs = (identity?.ttlSeconds ?? defaultAssertionTtlSeconds) * 500;
  if (waitMs <= freshMs) return;
  complain(
    '/spec/upstream/limits/queueWait',
    'must not be longer than half of identity.ttlSeconds, for which assertions are used',
  );
}
