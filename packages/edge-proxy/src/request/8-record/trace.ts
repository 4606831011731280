import { randomHex } from '../random.ts';

const form = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;
const noTrace = '0'.repeat(32);

/**
 * The `traceparent` that the upstream gets (W3C Trace Context): a client's trace goes on, with a
 * span of ours; what is not valid begins a new one. Our own id for the request never comes from it.
 */
export function nextTraceparent(sent: string | null): string {
  const parts = sent === null ? null : form.exec(sent);
  const trace = parts?.[1] ?? noTrace;
  const flags = parts?.[3] ?? '01';
  if (trace !== noTrace) return `00-${trace}-${randomHex(8)}-${flags}`;
  const ids = randomHex(24);
  return `00-${ids.slice(0, 32)}-${ids.slice(32)}-01`;
}
