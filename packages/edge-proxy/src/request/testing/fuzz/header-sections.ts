import { Dice } from '@sallyport/shared/sync/simulation/random';
import type { TestEdge } from '../edge.ts';
import { endHeaders, endStream, FrameClient, frame, requestFields, types } from '../frames.ts';
import { DicedEncoder } from '../hpack.ts';

type Field = readonly [name: string, value: string];

const names = ['x-a', 'x-long-name', 'user-agent', 'accept', "x!#$%&'*+-.^_`|~9", '__proto__'];
const values = ['', 'a', 'two words', 'tab\there', '\xe9\xff', 'y'.repeat(200), '"quoted"', 'a, b'];
/** What no name or value may have: RFC 9113, section 8.2.1, and RFC 9110, section 5. */
const badNames = [
  'X-A',
  'x a',
  'x\0',
  'x:a',
  '',
  'x\r\nhost',
  'x\x7f',
  '\xe9',
  'x(y)',
  'x,y',
  'x/y',
  ' x',
];
const badValues = ['a\0b', 'a\rb', 'a\nb', 'a\r\nsallyport-assertion: x', ' a', 'a ', '\ta', 'a\t'];

interface Section {
  readonly path: string;
  readonly extra: readonly Field[];
}

/**
 * Requests whose header sections are encoded, padded and cut in any way there is, the last of a
 * connection with something in it that no request may have. Gives what was wrong with what came of
 * them; empty: nothing.
 */
export async function sectionViolation(
  edge: TestEdge,
  cookie: string,
  seed: number,
): Promise<string> {
  const dice = new Dice(seed);
  const encoder = new DicedEncoder(dice);
  const sections = Array.from({ length: dice.int(1, 6) }, (_, at) =>
    section(dice, `/${seed}-${at}`),
  );
  const last = unsound(dice, `/${seed}-last`);
  const raw = await FrameClient.connect(edge);
  const all = [...sections, last];
  const bytes = all.map(({ path, extra }, at) => {
    const fields = [...requestFields(edge, cookie, { ':path': path }), ...extra];
    return frames(dice, 2 * at + 1, encoder.encode(fields));
  });
  inPieces(dice, raw, Buffer.concat(bytes));
  const ends = all.map((_, at) =>
    raw.frames.first(
      ({ type, flags, streamId }) =>
        streamId === 2 * at + 1 && (type === types.reset || (type <= 1 && (flags & 1) === 1)),
    ),
  );
  await Promise.race([Promise.all(ends), raw.closed()]);
  raw.close();
  const sent = edge.upstream.bytes;
  if (sent.includes(`GET ${last.path} `)) return `${JSON.stringify(last.extra)} went on`;
  for (const one of sections) {
    const found = missing(sent, one);
    if (found !== '') return `${found} in ${JSON.stringify(one.extra)}`;
  }
  return '';
}

function section(dice: Dice, path: string): Section {
  const count = dice.int(0, 6);
  const extra = Array.from({ length: count }, () => [dice.pick(names), dice.pick(values)] as const);
  // What may stand once is sent once.
  const once = new Map(extra);
  return { path, extra: [...once] };
}

function unsound(dice: Dice, path: string): Section {
  const { extra } = section(dice, path);
  const bad: Field = dice.chance(0.5)
    ? [dice.pick(badNames), dice.pick(values)]
    : [dice.pick(names), dice.pick(badValues)];
  const at = dice.int(0, extra.length);
  return { path, extra: [...extra.slice(0, at), bad, ...extra.slice(at)] };
}

/** One section as HEADERS and CONTINUATION, with padding and a priority now and then. */
function frames(dice: Dice, streamId: number, block: Buffer): Buffer {
  const cuts = Array.from({ length: dice.int(0, 3) }, () => dice.int(0, block.length));
  const edges = [0, ...cuts.sort((one, other) => one - other), block.length];
  const pieces = edges.slice(1).map((end, at) => block.subarray(edges[at], end));
  return Buffer.concat(
    pieces.map((piece, at) => {
      const ends = at === pieces.length - 1 ? endHeaders : 0;
      if (at > 0) return frame(types.continuation, ends, streamId, piece);
      const [flags, payload] = dressed(dice, piece);
      return frame(types.headers, endStream | ends | flags, streamId, payload);
    }),
  );
}

function dressed(dice: Dice, piece: Buffer): [flags: number, payload: Buffer] {
  const padding = dice.chance(0.3) ? dice.int(0, 255) : -1;
  const priority = dice.chance(0.3) ? Buffer.of(0, 0, 0, 0, dice.int(0, 255)) : Buffer.alloc(0);
  const parts = [priority, piece];
  if (padding >= 0) parts.unshift(Buffer.of(padding));
  if (padding > 0) parts.push(Buffer.alloc(padding));
  return [(padding >= 0 ? 0x8 : 0) | (priority.length > 0 ? 0x20 : 0), Buffer.concat(parts)];
}

function inPieces(dice: Dice, { socket }: FrameClient, bytes: Buffer): void {
  const size = dice.pick([bytes.length, 1_000, 50]);
  for (let at = 0; at < bytes.length; at += size) socket.write(bytes.subarray(at, at + size));
}

/** What of a sound request did not reach the upstream as it was. */
function missing(sent: string, { path, extra }: Section): string {
  const from = sent.indexOf(`GET ${path} HTTP/1.1\r\n`);
  if (from < 0) return `no request for ${path}`;
  const head = sent.slice(from, sent.indexOf('\r\n\r\n', from)).split('\r\n');
  for (const [name, value] of extra) {
    if (!head.includes(`${name}: ${value}`))
      return `no line ${JSON.stringify(`${name}: ${value}`)}`;
  }
  return '';
}
