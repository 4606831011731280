import { describe, expect, it } from 'vitest';
import { createLog, type LogFields } from './log.ts';

function line(fields: LogFields): Record<string, unknown> {
  const lines: string[] = [];
  createLog('info', { edge: 'edg_1' }, (text) => lines.push(text)).info('happened', fields);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/^[^\n]*\n$/);
  return JSON.parse(lines[0] ?? '') as Record<string, unknown>;
}

describe('the log', () => {
  it('writes one JSON object a line, with time, level and event', () => {
    expect(line({ count: 1n, at: new Date(0), text: 'a\nb' })).toMatchObject({
      level: 'info',
      event: 'happened',
      edge: 'edg_1',
      count: '1',
      at: '1970-01-01T00:00:00.000Z',
      text: 'a\nb',
    });
    expect(line({ event: 'forged', level: 'forged' })).toMatchObject({
      event: 'happened',
      level: 'info',
    });
  });

  it('holds nothing that a terminal acts on or that turns the direction', () => {
    const text = 'a\u001b[31m\u009b2J\u007f\u2028\u202e\u2066\u200f\u061c\ufeff';
    const lines: string[] = [];
    createLog('info', {}, (one) => lines.push(one)).info('happened', { [text]: text });
    expect(lines[0]).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}\u0000-\u0009\u000b-\u001f\u007f-\u009f]/u);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ [text]: text });
  });

  it('leaves out what is below its level', () => {
    const lines: string[] = [];
    const log = createLog('warn', {}, (text) => lines.push(text));
    log.debug('a');
    log.info('b');
    log.warn('c');
    log.with({ x: 1 }).error('d');
    expect(lines.map((text) => (JSON.parse(text) as { event: string }).event)).toEqual(['c', 'd']);
  });

  it('redacts values under names that speak of secrets, at any depth', () => {
    const written = line({
      clientSecret: 'hunter2',
      headers: { Cookie: ['a=hunter2'], Authorization: 'hunter2', 'Set-Cookie': { a: 'hunter2' } },
      list: [{ codeVerifier: 'hunter2' }],
      tokens: 3,
    });
    expect(JSON.stringify(written)).not.toContain('hunter2');
    expect(written['tokens']).toBe(3);
  });

  it.each([
    'sp_adm_0123456789abcdef',
    'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2lnbmF0dXJl',
    'sent Bearer 0123456789abcdef in a header',
    'postgres://user:0123456789abcdef@host/db',
    '-----BEGIN PRIVATE KEY-----\n0123456789abcdef\n-----END PRIVATE KEY-----',
    '-----BEGIN EC PRIVATE KEY-----\n0123456789abcdef',
    'sallyport-key-1:0123456789abcdef',
    'signed with whsec_0123456789abcdef',
  ])('redacts what looks like a secret under any name: %s', (text) => {
    const written = JSON.stringify(line({ note: text, error: new Error(text) }));
    expect(written).toContain('[redacted]');
    expect(written).not.toMatch(/0123456789abcdef|c2lnbmF0dXJl/);
  });

  it('writes errors with their codes and causes, also when these go round in a circle', () => {
    const inner = Object.assign(new Error('inner'), { code: 'ECONNREFUSED' });
    const outer = new Error('outer', { cause: inner });
    expect(line({ error: outer })['error']).toMatchObject({
      message: 'outer',
      cause: { message: 'inner', code: 'ECONNREFUSED' },
    });
    inner.cause = outer;
    expect(line({ error: outer })['error']).toMatchObject({ message: 'outer' });
  });

  it('cuts long texts, long lists and deep values, and shows no bytes', () => {
    const deep: Record<string, unknown> = {};
    deep['self'] = deep;
    const written = line({
      long: 'x'.repeat(1_000_000),
      list: Array.from({ length: 1000 }, () => 1),
      deep,
      bytes: Buffer.from('hunter2'),
      call: () => 1,
    });
    expect(JSON.stringify(written).length).toBeLessThan(6000);
    expect(written).toMatchObject({ bytes: '[7 bytes]', call: '[function]' });
  });
});
