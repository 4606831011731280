import { describe, expect, it } from 'vitest';
import type { Revision } from '../../store/log-connection.ts';
import { FrameRing } from './ring.ts';

function revision(rev: number, bytes = 10): Revision {
  return { lane: 'revoke', epoch: 1, prevRev: rev - 1, rev, body: new Uint8Array(bytes) };
}

const at = (rev: number) => ({ epoch: 1, rev });

describe('the ring of frames', () => {
  it('gives each frame after a position, and says what was dropped', () => {
    const ring = new FrameRing({ framesMax: 3, bytesMax: 1_000_000 });
    ring.reset(at(10));
    expect(ring.after(at(10))).toBe(null);
    for (let rev = 11; rev <= 40; rev += 1) ring.append(revision(rev), rev);
    expect(ring.length).toBe(3);
    expect(ring.after(at(36))).toBe('gone');
    expect([37, 38, 39].map((rev) => ring.after(at(rev)))).toMatchObject([
      { rev: 38, readAtMs: 38 },
      { rev: 39 },
      { rev: 40 },
    ]);
    expect(ring.after(at(40))).toBe(null);
    expect(ring.after({ epoch: 2, rev: 39 })).toBe('gone');
  });

  it('is bounded in bytes, too', () => {
    const ring = new FrameRing({ framesMax: 1_000, bytesMax: 5_000 });
    ring.reset(at(0));
    for (let rev = 1; rev <= 20; rev += 1) ring.append(revision(rev, 1_000), 0);
    expect(ring.length).toBe(4);
  });

  it('takes nothing but the next revision', () => {
    const ring = new FrameRing({ framesMax: 3, bytesMax: 1_000 });
    ring.reset(at(5));
    expect(() => ring.append(revision(7), 0)).toThrow('is not 6');
  });
});
