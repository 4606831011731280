import { opsFromBytes } from '@sallyport/proto';
import type { StateOp } from '@sallyport/shared/state/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Chunker } from './chunk.ts';

const op = (text: string): StateOp => ({ op: 'ended_session', sid: text, expiresAtMs: 1 });

describe('shards', () => {
  it('hold all ops in their order, within their size unless one op alone is larger', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ maxLength: 200 })), (texts) => {
        const chunker = new Chunker(150);
        for (const text of texts) chunker.add(op(text));
        const bodies = chunker.finish();
        expect(bodies.flatMap((body) => opsFromBytes(body))).toEqual(texts.map(op));
        for (const body of bodies) {
          if (body.length > 150) expect(opsFromBytes(body)).toHaveLength(1);
        }
      }),
    );
  });

  it('are one, and empty, for an empty lane', () => {
    expect(new Chunker().finish()).toEqual([Buffer.alloc(0)]);
  });
});
