import type { Answer } from '../exchange.ts';
import { randomText } from '../random.ts';
import { ownPaths } from './addresses.ts';
import type { OwnNeeds } from './needs.ts';
import { sealJson } from './sealed-json.ts';

const handOverMs = 60_000;

/**
 * Sends the browser back to the application host with the statement, sealed for that host and bound
 * to the browser that started there. It can be redeemed once.
 */
export async function handOver(
  { state, origins, clock }: OwnNeeds,
  to: { readonly host: string; readonly binding: string },
  statement: string,
  cookies: readonly string[],
): Promise<Answer> {
  const ring = state.cookieRing();
  if (ring === null) return { kind: 'failed', code: 'not_ready' };
  const token = await sealJson(ring, 'hand-over', to.host, {
    statement,
    binding: to.binding,
    tokenId: randomText(),
    expiresAtMs: clock() + handOverMs,
  });
  return {
    kind: 'redirect',
    location: `${origins.of(to.host)}${ownPaths.handOver}?token=${token}`,
    cookies,
    code: 'signed_in',
  };
}
