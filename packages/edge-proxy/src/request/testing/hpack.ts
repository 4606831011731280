import type { Dice } from '@sallyport/shared/sync/simulation/random';

/** Lengths of the codes for each octet and, last, for the end of a text: RFC 7541, appendix B. */
const codeLengths = (
  '13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 ' +
  '28 28 28 28 6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 ' +
  '10 13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6 15 5 6 5 6 ' +
  '5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28 20 22 20 20 22 22 22 23 ' +
  '22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24 22 21 20 22 ' +
  '22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23 ' +
  '26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 ' +
  '28 27 27 27 20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 ' +
  '27 28 27 27 27 27 27 26 30 ' +
  ''
)
  .trim()
  .split(' ')
  .map(Number);

/** The code is canonical: shorter codes come first, and those of a length in the order of octets. */
const codes: readonly string[] = (() => {
  const found: string[] = [];
  const order = codeLengths.map((length, octet) => ({ length, octet }));
  order.sort((one, other) => one.length - other.length || one.octet - other.octet);
  let next = 0;
  let before = 0;
  for (const { length, octet } of order) {
    next *= 2 ** (length - before);
    before = length;
    found[octet] = next.toString(2).padStart(length, '0');
    next += 1;
  }
  return found;
})();

function huffman(text: string): Buffer {
  let bits = [...Buffer.from(text, 'latin1')].map((octet) => codes[octet] ?? '').join('');
  bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, '1');
  return Buffer.from(bits.match(/.{8}/g)?.map((byte) => Number.parseInt(byte, 2)) ?? []);
}

type Field = readonly [name: string, value: string];

/** Of the static table, what tests send: RFC 7541, appendix A. */
const known: ReadonlyMap<string, number> = new Map([
  [':authority\0', 1],
  [':method\0GET', 2],
  [':path\0/', 4],
  [':scheme\0https', 7],
  ['accept\0', 19],
  ['cookie\0', 32],
  ['user-agent\0', 58],
]);
const staticEntries = 61;
const tableMax = 4_096;

/** Encodes header sections in any of the ways that RFC 7541 has, as the dice fall. */
export class DicedEncoder {
  readonly #dice: Dice;
  /** The dynamic table, the newest first. */
  #table: Field[] = [];

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  encode(fields: readonly Field[]): Buffer {
    const parts: Buffer[] = [];
    if (this.#dice.chance(0.1)) {
      this.#table = [];
      parts.push(integer(0, 5, 0x20), integer(tableMax, 5, 0x20));
    }
    for (const field of fields) parts.push(this.#field(field));
    return Buffer.concat(parts);
  }

  #field([name, value]: Field): Buffer {
    const whole = this.#indexOf((one, other) => one === name && other === value, name, value);
    if (whole > 0 && this.#dice.chance(0.7)) return integer(whole, 7, 0x80);
    const named = this.#indexOf((one) => one === name, name, '');
    const index = named > 0 && this.#dice.chance(0.7) ? named : 0;
    const way = this.#dice.pick(['kept', 'kept', 'plain', 'never'] as const);
    const head =
      way === 'kept' ? integer(index, 6, 0x40) : integer(index, 4, way === 'never' ? 0x10 : 0);
    const parts =
      index === 0 ? [head, this.#text(name), this.#text(value)] : [head, this.#text(value)];
    if (way === 'kept') this.#keep([name, value]);
    return Buffer.concat(parts);
  }

  #indexOf(fits: (name: string, value: string) => boolean, name: string, value: string): number {
    const at = this.#table.findIndex(([one, other]) => fits(one, other));
    if (at >= 0 && this.#dice.chance(0.8)) return staticEntries + 1 + at;
    return known.get(`${name}\0${value}`) ?? 0;
  }

  #text(text: string): Buffer {
    const coded = this.#dice.chance(0.5);
    const bytes = coded ? huffman(text) : Buffer.from(text, 'latin1');
    return Buffer.concat([integer(bytes.length, 7, coded ? 0x80 : 0), bytes]);
  }

  /** RFC 7541, section 4.4. */
  #keep(field: Field): void {
    this.#table.unshift(field);
    while (sizeOf(this.#table) > tableMax) this.#table.pop();
  }
}

function sizeOf(table: readonly Field[]): number {
  return table.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
}

/** RFC 7541, section 5.1. */
function integer(value: number, prefixBits: number, first: number): Buffer {
  const most = 2 ** prefixBits - 1;
  if (value < most) return Buffer.of(first + value);
  const bytes = [first + most];
  let rest = value - most;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
