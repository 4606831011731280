import { status } from '@sallyport/proto/grpc';
import type { Clock } from '@sallyport/shared/clock';
import type { EdgeRegistry } from '../publish/edge-registry.ts';
import { CallError } from './call-error.ts';
import type { EdgePeer, EdgePeers } from './edge-peer.ts';

/** What authentication looks at in a call. */
export interface AuthenticatedCall {
  getAuthContext(): { readonly sslPeerCertificate?: { readonly raw?: Uint8Array } | undefined };
}

/**
 * Who calls: an edge by its certificate that has joined and is neither deleted nor blocked. Asked
 * for each call. grpc-js gives out the certificate only if the handshake found its issuer.
 */
export async function authenticate(
  call: AuthenticatedCall,
  peers: Pick<EdgePeers, 'read'>,
  registry: Pick<EdgeRegistry, 'standing'>,
  clock: Clock,
): Promise<EdgePeer> {
  const der = call.getAuthContext().sslPeerCertificate?.raw;
  const peer = der === undefined ? null : peers.read(der, clock());
  if (peer === null) {
    throw new CallError(status.UNAUTHENTICATED, 'a valid edge certificate is needed');
  }
  const standing = await registry.standing(peer.edgeId);
  switch (standing) {
    case 'known':
      return peer;
    case 'blocked':
      throw new CallError(status.PERMISSION_DENIED, 'this edge is blocked');
    case 'unknown':
      throw new CallError(status.PERMISSION_DENIED, 'this edge is not known here');
  }
}
