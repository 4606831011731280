import { createAuthority, issueWithNewKey } from '@sallyport/shared/pki/issue';
import { spiffeEdgeUri } from '@sallyport/shared/pki/spiffe';
import { expect, test } from 'vitest';
import { EdgePeers, edgeTrust } from './edge-peer.ts';

const trustDomain = 'corp.example';
const minuteMs = 60_000;

async function edgeCertificate(
  authority: Awaited<ReturnType<typeof createAuthority>>,
  nowMs: number,
) {
  const { certificateDer } = await issueWithNewKey(authority, {
    commonName: 'sallyport-edge',
    uris: [spiffeEdgeUri(trustDomain, 'edg_a')],
    usage: 'client',
    notBefore: new Date(nowMs - minuteMs),
    notAfter: new Date(nowMs + minuteMs),
  });
  return new Uint8Array(certificateDer);
}

test('a certificate is verified once, and again once it is no longer valid', async () => {
  const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
  const authority = await createAuthority({ name: 'edges', days: 30 });
  const peers = new EdgePeers(edgeTrust([authority.certificatePem], trustDomain));
  const der = await edgeCertificate(authority, nowMs);
  // The connection, and its calls.
  for (let n = 0; n < 5; n += 1) expect(peers.read(der, nowMs + n)?.edgeId).toBe('edg_a');
  expect(peers.verifications).toBe(1);
  expect(peers.read(der, nowMs + minuteMs + 1)).toBe(null);
  expect(peers.read(der, nowMs + minuteMs + 2)).toBe(null);
  expect(peers.verifications).toBe(3);
  // A clock that was set back: what was known is not asked.
  expect(peers.read(der, nowMs)?.edgeId).toBe('edg_a');
  expect(peers.read(der, nowMs - 2 * minuteMs)).toBe(null);
});

test('a certificate with other bytes is not the one that was verified', async () => {
  const nowMs = Date.now();
  const authority = await createAuthority({ name: 'edges', days: 30 });
  const other = await createAuthority({ name: 'edges', days: 30 });
  const peers = new EdgePeers(edgeTrust([authority.certificatePem], trustDomain));
  const der = await edgeCertificate(authority, nowMs);
  expect(peers.read(der, nowMs)?.edgeId).toBe('edg_a');
  const changed = der.slice();
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  expect(peers.read(changed, nowMs)).toBe(null);
  expect(peers.read(await edgeCertificate(other, nowMs), nowMs)).toBe(null);
  expect(peers.read(der, nowMs)?.edgeId).toBe('edg_a');
});
