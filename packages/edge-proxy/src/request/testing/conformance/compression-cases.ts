import { type ConformanceCase, codes, hex, type Talk } from './case.ts';

const broken = { connection: [codes.compression] } as const;
const ok = { stream: 1, with: ['status 200'] } as const;

/** A request with these bytes behind its header section, or before it. */
function behind(bytes: string): (talk: Talk) => void {
  return (talk) => talk.frame(1, 0x5, 1, Buffer.concat([talk.block(), hex(bytes)]));
}
function before(bytes: string): (talk: Talk) => void {
  return (talk) => talk.frame(1, 0x5, 1, Buffer.concat([hex(bytes), talk.block()]));
}

const cases: [
  section: string,
  title: string,
  ConformanceCase['send'],
  ConformanceCase['outcome'],
][] = [
  ['2.3.3', 'an index beyond both tables', behind('c6'), broken],
  ['2.3.3', 'a name by an index beyond both tables', behind('7f 07 01 61'), broken],
  ['2.3.3', 'an index of what was put into the table', behind('40 03782d61 0162 be'), ok],
  ['4.2', 'a change of the size of the table comes first', behind('20'), broken],
  ['4.2', 'a change of the size of the table, and back', before('20 3fe11f'), ok],
  [
    '4.3',
    'what is put out of the table has gone',
    (talk) => {
      talk.frame(1, 0x5, 1, Buffer.concat([hex('20 3fe11f'), talk.block(), hex('be')]));
    },
    broken,
  ],
  [
    '4.4',
    'a field larger than the table empties it',
    (talk) => {
      const large = Buffer.concat([hex('40 03782d62 7fa120'), Buffer.alloc(4_256, 'y')]);
      talk.frame(
        1,
        0x5,
        1,
        Buffer.concat([talk.block(), hex('40 03782d61 0162'), large, hex('be')]),
      );
    },
    broken,
  ],
  ['5.1', 'a number without end', behind('ff ffffffffff ffffffffff'), broken],
  ['5.1', 'a number that is too large', behind('7f ffffffff7f'), broken],
  ['5.2', 'a text longer than the block', behind('40 03782d61 0562'), broken],
  ['5.2', 'a value in the code of Huffman', behind('40 03782d61 86 a8eb10649cbf'), ok],
  ['5.2', 'a name in the code of Huffman', behind('40 88 25a849e95ba97d7f 0162'), ok],
  ['5.2', 'padding longer than seven bits', behind('40 03782d61 87 a8eb10649cbfff'), broken],
  ['5.2', 'padding of zeros', behind('40 03782d61 86 a8eb10649cb8'), broken],
  ['5.2', 'the code for the end of a text in it', behind('40 03782d61 84 ffffffff'), broken],
  ['6.1', 'the index zero', behind('80'), broken],
  ['6.2.1', 'a literal for the table, with a name of its own', behind('40 03782d61 0162'), ok],
  ['6.2.1', 'a literal for the table, with a name by index', behind('7a 0162'), ok],
  ['6.2.2', 'a literal not for the table', behind('00 03782d61 0162'), ok],
  ['6.2.2', 'a literal not for the table, with a name by index', behind('0f 2b 0162'), ok],
  ['6.2.3', 'a literal for no table on the way', behind('10 03782d61 0162'), ok],
  ['6.2.3', 'a literal for no table on the way, with a name by index', behind('1f 2b 0162'), ok],
  ['6.3', 'a table larger than the settings allow', before('3f e21f'), broken],
];

/** RFC 7541. */
export const compressionCases: readonly ConformanceCase[] = cases.map(
  ([section, title, send, outcome]) => ({ section, title, send, outcome }),
);
