import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { EdgeConfig } from '../config.ts';
import { ControlChannel } from './control-channel.ts';
import { type EdgeIdentity, isExpired } from './identity.ts';
import { readIdentity, writeIdentity } from './identity-file.ts';
import { joinEdge } from './join.ts';

export interface OwnIdentityOptions {
  readonly config: EdgeConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/**
 * The identity on disk, or a new one by joining: at the first start, and after a certificate has
 * expired while the edge was off. Throws if it cannot be read and for a token that is refused.
 */
export async function ownIdentity(options: OwnIdentityOptions): Promise<EdgeIdentity> {
  const { config, clock, log, signal } = options;
  const stored = await readIdentity(config.home);
  const { joinToken, controlPlaneCaPem, region, labels } = config;
  if (stored !== null && !isExpired(stored, clock())) {
    // Where it counts more edges in a ring than there are, the control plane waits for nobody.
    if (!isDeepStrictEqual(stored.labels, labels))
      log.warn('identity.labels_kept', { labels: stored.labels });
    return stored;
  }
  if (joinToken === null || controlPlaneCaPem === null) {
    const needed = 'SALLYPORT_JOIN_TOKEN (a new one) and SALLYPORT_CONTROL_PLANE_CA';
    throw new Error(`the certificate of this edge has expired: start it with ${needed}`);
  }
  const trust = { caPem: controlPlaneCaPem, client: null };
  const channel = new ControlChannel(config.controlPlanes, trust);
  try {
    const identity = await joinEdge({ channel, token: joinToken, region, labels, log, signal });
    await writeIdentity(config.home, identity);
    log.info('identity.joined', { edgeId: identity.edgeId });
    return identity;
  } finally {
    channel.close();
  }
}
