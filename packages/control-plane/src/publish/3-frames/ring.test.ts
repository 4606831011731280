import { describe, expect, it } from 'vitest';
import type { Revision } from '../../store/log-connection.ts';
import { FrameRing } from './ring.ts';
import type { FrameSigner } from './sign.ts';

function revision(rev: number, bytes = 10): Revision {
  return { lane: 'revoke', epoch: 1, prevRev: rev - 1, rev, body: new Uint8Array(bytes) };
}

const at = (rev: number) => ({ epoch: 1, rev });

/** Signs with the key that is set, if any, and counts. */
class ScriptedSigner implements FrameSigner {
  keyId: string | null = 'one';
  live: readonly string[] = ['one', 'two'];
  signed = 0;

  sign({ rev }: Revision): { bytes: Buffer; keyId: string } | null {
    if (this.keyId === null) return null;
    this.signed += 1;
    return { bytes: Buffer.from(`${rev} by ${this.keyId}`), keyId: this.keyId };
  }

  isLive(keyId: string): boolean {
    return this.live.includes(keyId);
  }
}

describe('the ring of frames', () => {
  it('gives each frame after a position, and says what was dropped', () => {
    const ring = new FrameRing({ framesMax: 3, bytesMax: 1_000_000 }, new ScriptedSigner());
    ring.reset(at(10));
    expect(ring.after(at(10))).toBe(null);
    for (let rev = 11; rev <= 40; rev += 1) ring.append(revision(rev), rev);
    expect(ring.length).toBe(3);
    expect(ring.afterRev).toBe(37);
    expect(ring.after(at(36))).toBe('gone');
    expect([37, 38, 39].map((rev) => ring.after(at(rev)))).toMatchObject([
      { rev: 38, readAtMs: 38 },
      { rev: 39 },
      { rev: 40 },
    ]);
    expect(ring.after(at(40))).toBe(null);
    expect(ring.after({ epoch: 2, rev: 39 })).toBe('gone');
    expect(ring.revisionAfter(at(39))).toMatchObject({ rev: 40 });
    expect(ring.readAtMsAfter(at(39))).toBe(40);
    expect(ring.readAtMsAfter(at(3))).toBe(null);
  });

  it('is bounded in bytes, too', () => {
    const ring = new FrameRing({ framesMax: 1_000, bytesMax: 10_000 }, new ScriptedSigner());
    ring.reset(at(0));
    for (let rev = 1; rev <= 20; rev += 1) ring.append(revision(rev, 1_000), 0);
    expect(ring.length).toBe(3);
  });

  it('takes nothing but the next revision', () => {
    const ring = new FrameRing({ framesMax: 3, bytesMax: 1_000 }, new ScriptedSigner());
    ring.reset(at(5));
    expect(() => ring.append(revision(7), 0)).toThrow('is not 6');
    expect(() => ring.append(revision(5), 0)).toThrow('is not 6');
  });

  it('signs a revision once, and again only when its key is over', () => {
    const signer = new ScriptedSigner();
    const ring = new FrameRing({ framesMax: 3, bytesMax: 10_000 }, signer);
    ring.reset(at(0));
    ring.append(revision(1), 0);
    for (let n = 0; n < 5; n += 1) ring.after(at(0));
    expect(signer.signed).toBe(1);
    signer.live = ['two'];
    signer.keyId = 'two';
    expect(ring.after(at(0))).toMatchObject({ keyId: 'two' });
    ring.after(at(0));
    expect(signer.signed).toBe(2);
  });

  it('gives nothing out while there is no key, and everything once there is one', () => {
    const signer = new ScriptedSigner();
    signer.keyId = null;
    const ring = new FrameRing({ framesMax: 3, bytesMax: 10_000 }, signer);
    ring.reset(at(0));
    ring.append(revision(1), 0);
    expect(ring.after(at(0))).toBe(null);
    expect(ring.revisionAfter(at(0))).toMatchObject({ rev: 1 });
    signer.keyId = 'one';
    expect(ring.after(at(0))).toMatchObject({ rev: 1, keyId: 'one' });
  });
});
