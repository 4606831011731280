import { create } from '@bufbuild/protobuf';
import { JoinRequestSchema } from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import type { Log } from '@sallyport/shared/log';
import { isTrustDomain } from '@sallyport/shared/pki/spiffe';
import { pause, reconnectDelayMs } from '../state/1-sync/reconnect.ts';
import { serviceErrorCode } from './call-failure.ts';
import type { ControlChannel } from './control-channel.ts';
import { CredentialsError, createKeys, type EdgeIdentity, joinCredentials } from './identity.ts';

export interface JoinOptions {
  readonly channel: Pick<ControlChannel, 'unary' | 'trouble'>;
  readonly token: string;
  readonly region: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const joinDeadlineMs = 10_000;

/**
 * Joins with the one-time token: new keys, their certificates, and the root key that is believed
 * from then on. Waits for a control plane that cannot be reached or has too much to do; throws for
 * a refusal.
 */
export async function joinEdge(options: JoinOptions): Promise<EdgeIdentity> {
  const { channel, token, region, labels, log, signal } = options;
  const keys = await createKeys('sallyport-edge');
  const request = create(JoinRequestSchema, {
    token,
    region,
    labels,
    identityCsr: keys.control.csrDer,
    upstreamCsr: keys.upstream.csrDer,
    assertionJwks: [keys.assertion.publicJwk],
  });
  for (let attempt = 0; ; attempt += 1) {
    try {
      const response = await channel.unary('join', request, joinDeadlineMs);
      const { edgeId, trustDomain, rootPublicKey, controlPlaneCaPem } = response;
      if (!isTrustDomain(trustDomain) || rootPublicKey.length !== 32) {
        throw new CredentialsError('the answer has no trust domain or root key');
      }
      return {
        edgeId,
        trustDomain,
        labels,
        // A copy: what came is a view into the whole message.
        rootPublicKey: new Uint8Array(rootPublicKey),
        controlPlaneCaPem,
        ...joinCredentials(response.credentials, keys, { edgeId, trustDomain }),
        assertionKeys: [keys.assertion],
        serial: 1,
      };
    } catch (error) {
      const code = serviceErrorCode(error);
      const busy = code === status.RESOURCE_EXHAUSTED;
      if (!(busy || code === status.UNAVAILABLE) || signal.aborted) throw error;
      const trouble = busy ? 'others join at this moment' : await channel.trouble(attempt);
      log.warn('identity.join_waits', { trouble, attempt });
      await pause(reconnectDelayMs(attempt), signal);
    }
  }
}
