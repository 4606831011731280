import { opsToBytes } from '@sallyport/proto';
import type { Block } from '@sallyport/shared/state/model';
import { expect, it } from 'vitest';
import { decodeCarried, encodeCarried } from './carried-ops.ts';

const block = (n: number): Block => {
  return {
    op: 'block',
    revocationId: `rev_${n}`,
    kind: 'user',
    subjectId: `usr_${n}`,
    expiresAtMs: n + 1,
  };
};

it('many carried denials are written in pieces that read as one', async () => {
  const denials = Array.from({ length: 1_001 }, (_, n) => block(n));
  const proof = { epoch: 1, prevRev: 8, rev: 9, keyId: 'key_1' };
  const hashes = { bodySha256: new Uint8Array(32), signature: new Uint8Array(64) };
  const body = Uint8Array.from(opsToBytes([block(7)]));
  const all = { epoch: 5, denials, early: [{ proof: { ...proof, ...hashes }, body }] };
  const parts = await encodeCarried(all);
  expect(parts.length).toBeGreaterThan(3);
  expect(decodeCarried(Buffer.concat(parts))).toEqual(all);
  const none = { ...all, denials: [], early: [] };
  expect(decodeCarried(Buffer.concat(await encodeCarried(none)))).toEqual(none);
});
