import { describe, expect, it } from 'vitest';
import { fieldCount } from './field-count.ts';

const bytes = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex');

describe('the count of header fields', () => {
  it.each([
    // RFC 7541, appendix C.
    [
      'a literal with indexing',
      '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572',
      1,
    ],
    ['a literal without indexing', '040c 2f73 616d 706c 652f 7061 7468', 1],
    ['a literal that is never indexed', '1008 7061 7373 776f 7264 0673 6563 7265 74', 1],
    ['an index', '82', 1],
    ['a request', '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', 4],
    ['a request in the code of Huffman', '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', 4],
    ['a change of the table alone', '3fe1 1f', 0],
    ['a change of the table and an index', '20 82', 1],
    ['nothing', '', 0],
  ])('reads %s', (_name, hex, fields) => {
    expect(fieldCount(bytes(hex))).toBe(fields);
  });

  it.each([
    ['a number without end', 'ff ff'],
    ['a number that is too large', 'ff ffffffffffff 01'],
    ['a text without its bytes', '40 03 61'],
    ['a text without its length', '40'],
    ['a name without a value', '40 01 61'],
  ])('knows nothing of %s', (_name, hex) => {
    expect(fieldCount(bytes(hex))).toBeNull();
  });
});
