import { create } from '@bufbuild/protobuf';
import { RenewRequestSchema } from '@sallyport/proto';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import { pause, reconnectDelayMs } from '../state/1-sync/reconnect.ts';
import type { ControlChannel } from './control-channel.ts';
import { createKeys, type EdgeIdentity, joinCredentials, renewalDueAtMs } from './identity.ts';

export interface RenewalOptions {
  readonly channel: Pick<ControlChannel, 'unary'>;
  readonly identity: EdgeIdentity;
  /** Stores the new identity and puts it to use; called before the old one is forgotten. */
  readonly onRenewed: (identity: EdgeIdentity) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const renewDeadlineMs = 10_000;
/** Timers cannot wait longer than 24 days, and clocks are set: look again each hour. */
const lookAgainMs = 3_600_000;

/** Renews whenever two thirds of a certificate's life are over, until the signal. */
export async function keepRenewed(options: RenewalOptions): Promise<void> {
  const { clock, log, signal, onRenewed } = options;
  let { identity } = options;
  let attempt = 0;
  while (!signal.aborted) {
    const dueInMs = renewalDueAtMs(identity) - clock();
    if (dueInMs > 0) {
      await pause(Math.min(dueInMs, lookAgainMs), signal);
      continue;
    }
    try {
      const renewed = await renew(options.channel, identity);
      await onRenewed(renewed);
      // Not before: what was not put to use would not be due again until the one in use has ended.
      identity = renewed;
      attempt = 0;
      log.info('identity.renewed', { serial: identity.serial });
    } catch (error) {
      log.error('identity.renewal_failed', { error, attempt });
      await pause(1_000 + reconnectDelayMs(attempt), signal);
      attempt += 1;
    }
  }
}

/**
 * New keys and certificates for the same edge. The assertion key before stays beside the new one:
 * it signs until the new one is published.
 */
export async function renew(
  channel: Pick<ControlChannel, 'unary'>,
  identity: EdgeIdentity,
): Promise<EdgeIdentity> {
  const keys = await createKeys(identity.edgeId);
  const assertionKeys = [...identity.assertionKeys.slice(-1), keys.assertion];
  const response = await channel.unary(
    'renew',
    create(RenewRequestSchema, {
      identityCsr: keys.control.csrDer,
      upstreamCsr: keys.upstream.csrDer,
      assertionJwks: assertionKeys.map(({ publicJwk }) => publicJwk),
    }),
    renewDeadlineMs,
  );
  return {
    ...identity,
    ...joinCredentials(response.credentials, keys, identity),
    assertionKeys,
    serial: identity.serial + 1,
  };
}
