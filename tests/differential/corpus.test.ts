import { describe, expect, it } from 'vitest';
import { host, readClass, readCorpus } from './corpus.ts';

describe('the corpus of odd requests', () => {
  it('can be read, and is of some thousands', () => {
    const cases = readCorpus();
    expect(cases.length).toBeGreaterThan(2_000);
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  });

  it('puts lines into their template, and bytes for their escapes', () => {
    const text =
      '@ POST / HTTP/1.1\\r\\nHost: {host}\\r\\nContent-Length: {length}\\r\\n\\r\\n{}\n\\x00*3\\s';
    expect(readClass('odd', text)).toEqual([
      {
        class: 'odd',
        name: 'odd:2',
        bytes: `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 4\r\n\r\n\0\0\0 `,
        fields: null,
        reasons: {},
        without: null,
      },
    ]);
  });

  it('makes a case of each byte of a range, with the reasons of their line', () => {
    const cases = readClass('odd', '# A remark\nX{41-43}Y  ## both: it is odd  ## without: Y');
    expect(cases.map(({ name, bytes }) => [name, bytes])).toEqual([
      ['odd:2 \\x41', 'XAY'],
      ['odd:2 \\x42', 'XBY'],
      ['odd:2 \\x43', 'XCY'],
    ]);
    expect(cases[2]).toMatchObject({
      reasons: { nginx: 'it is odd', haproxy: 'it is odd' },
      without: 'Y',
    });
  });

  it('reads fields of HTTP/2, their body and their trailers', () => {
    const template = '@ h2 :method: GET | :path: / | {}\n';
    const line = ':path: /a | +:path: /b | x: y | -:method | body=a\\0 | trailer z: 1';
    expect(readClass('odd', template + line)[0]).toMatchObject({
      bytes: 'a\0',
      fields: {
        head: [
          [':path', '/a'],
          [':path', '/b'],
          ['x', 'y'],
        ],
        trailers: [['z', '1']],
      },
    });
  });

  it.each(['X  ## somebody: why', 'X  ## nginx', 'X\\q'])(
    'does not pass over a slip: %s',
    (line) => {
      expect(() => readClass('odd', line)).toThrow(/odd:1/);
    },
  );
});
