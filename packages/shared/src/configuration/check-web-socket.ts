import { durationMs } from '@sallyport/policy';
import type { RouteDocument } from './documents.ts';
import type { Complain } from './references.ts';
import { defaultTunnelIdleMs, defaultTunnelTotalMs } from './route-defaults.ts';
import { originProblem } from './urls.ts';

/** Longer than any working day, and less than what a timer can count. */
const longestMs = 7 * 86_400_000;

/** Who may open a WebSocket, and how long one stays open. */
export function checkWebSocket(
  { webSocket, upstream }: RouteDocument['spec'],
  complain: Complain,
): void {
  if (webSocket !== undefined && upstream.protocol === 'http2') {
    complain('/spec/webSocket', 'has no meaning where upstream.protocol is http2');
  }
  for (const [index, origin] of (webSocket?.origins ?? []).entries()) {
    const wrong = originProblem(origin);
    if (wrong !== null) complain(`/spec/webSocket/origins/${index}`, wrong);
  }
  const { idle, total } = webSocket?.timeouts ?? {};
  for (const [field, written] of Object.entries({ idle, total })) {
    if ((durationMs(written ?? '') ?? 0) <= longestMs) continue;
    complain(`/spec/webSocket/timeouts/${field}`, 'must be 7 days at the most');
  }
  const totalMs = durationMs(total ?? '') ?? defaultTunnelTotalMs;
  if ((durationMs(idle ?? '') ?? defaultTunnelIdleMs) <= totalMs) return;
  if (idle === undefined) return;
  complain('/spec/webSocket/timeouts/idle', 'must not be longer than total');
}
