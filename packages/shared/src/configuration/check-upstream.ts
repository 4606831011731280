import { canonicalHost, durationMs } from '@sallyport/policy';
import type { RouteDocument } from './documents.ts';
import { type Complain, type Context, checkTrustBundle } from './references.ts';
import { defaultAssertionTtlSeconds, defaultQueueWaitMs } from './route-defaults.ts';
import { upstreamUrlProblem } from './urls.ts';

type Spec = RouteDocument['spec'];

const longestMs = 86_400_000;

/** What a route says of its upstream: an address that may be asked, and fields that go together. */
export function checkUpstream(spec: Spec, context: Context, complain: Complain): void {
  const { url, plainHttp = false, trustBundle, serverName } = spec.upstream;
  const problem = upstreamUrlProblem(url, plainHttp, context.internal);
  if (problem !== null) complain('/spec/upstream/url', problem);
  if (plainHttp) {
    const message = 'has no meaning without TLS (plainHttp: true)';
    if (trustBundle !== undefined) complain('/spec/upstream/trustBundle', message);
    if (serverName !== undefined) complain('/spec/upstream/serverName', message);
  }
  if (serverName !== undefined && canonicalHost(serverName) !== serverName) {
    complain('/spec/upstream/serverName', 'must be a DNS name');
  }
  checkTrustBundle(trustBundle, 'upstream', '/spec/upstream/trustBundle', context, complain);
  for (const [field, written] of Object.entries(spec.upstream.timeouts ?? {})) {
    if ((durationMs(written) ?? 0) <= longestMs) continue;
    complain(`/spec/upstream/timeouts/${field}`, 'must be a day at the most');
  }
  checkQueueWait(spec, complain);
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
