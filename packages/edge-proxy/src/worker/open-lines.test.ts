import { describe, expect, it } from 'vitest';
import { OpenLines } from './open-lines.ts';

/** The same lines again and again, until there is no room: what was taken, and what had been added. */
function filledWith(lines: readonly string[]) {
  const open = new OpenLines(false);
  const added: string[] = [];
  for (;;) {
    const line = lines[added.length % lines.length] ?? '';
    if (!open.add(line)) break;
    added.push(line);
  }
  return { taken: open.take(), added, isEmpty: open.isEmpty };
}

const texts = (lines: Uint8Array) => new TextDecoder('utf-8', { fatal: true }).decode(lines);

describe('lines in a piece of memory', () => {
  it.each([
    ['plain', ['{"a":1}', '{"b":"cd"}']],
    ['of several bytes a character', ['"ü€𝄞é"', '"€€€"', '"x"']],
    ['of the largest characters alone', ['€'.repeat(997)]],
  ])('%s are read as they were written, up to where it is full', (_name, lines) => {
    const { taken, added, isEmpty } = filledWith(lines);
    expect(added.length).toBeGreaterThan(30);
    expect(texts(taken?.lines ?? new Uint8Array())).toBe(`${added.join('\n')}\n`);
    expect([taken?.records, taken?.bytes, isEmpty]).toEqual([
      added.length,
      taken?.lines.length,
      true,
    ]);
  });

  it('take up no more memory than an eighth above what is counted', () => {
    const open = new OpenLines(true);
    open.add('{"a":1}');
    const few = open.take();
    expect(few?.lines.buffer.byteLength).toBe(few?.bytes);
    const { taken } = filledWith(['x'.repeat(900)]);
    expect(taken?.lines.buffer.byteLength ?? 0).toBeLessThanOrEqual(((taken?.bytes ?? 0) * 8) / 7);
    expect(open.take()).toBeNull();
  });

  it('leave out what is too large for them', () => {
    const open = new OpenLines(false);
    expect([open.add('x'.repeat(200_000)), open.isEmpty]).toEqual([false, true]);
    expect(open.add('x')).toBe(true);
  });
});
