import { judge, readHead } from '@sallyport/edge-proxy/testing/judged';
import { type Case, type Other, others } from './corpus.ts';
import { type Parties, type PartyName, partyNames, startParties } from './parties.ts';
import { lineOf, type Received, readReceived } from './received.ts';
import { lastTarget, send } from './send.ts';

/** What came of one case, by who was asked. */
export interface Outcome {
  readonly case: Case;
  readonly received: Readonly<Record<PartyName, readonly Received[]>>;
  readonly answered: Readonly<Record<PartyName, string>>;
}

export interface Run {
  readonly outcomes: readonly Outcome[];
  /** What the edge sent without having decided on just that; nothing, as a rule. */
  readonly misjudged: readonly string[];
}

const lanes = 12;

/** Sends every case to all three, and then looks at what the recorder got. */
export async function runCorpus(cases: readonly Case[]): Promise<Run> {
  const parties = await startParties();
  const answers = new Map<Case, Record<PartyName, string>>();
  const waiting = cases.entries();
  await Promise.all(Array.from({ length: lanes }, () => sendEach(parties, waiting, answers)));
  await parties.end();
  const all = parties.edge.upstream.connections.flatMap(({ bytes }) => {
    const through = throughWhom(bytes);
    return readReceived(bytes).map((one) => ({ ...one, through }));
  });
  return {
    outcomes: cases.map((one, at) => ({
      case: one,
      answered: answers.get(one) ?? { edge: '', nginx: '', haproxy: '' },
      received: receivedFrom(all, addressOf(at)),
    })),
    misjudged: all.flatMap((one) => misjudgement(one, parties)),
  };
}

async function sendEach(
  { doors }: Parties,
  waiting: Iterator<[number, Case]>,
  answers: Map<Case, Record<PartyName, string>>,
): Promise<void> {
  for (let next = waiting.next(); next.done !== true; next = waiting.next()) {
    const [at, one] = next.value;
    const answered = { edge: '', nginx: '', haproxy: '' };
    for (const name of partyNames) {
      const door = doors[name][one.fields === null ? 0 : 1];
      answered[name] = await send(door, one, addressOf(at));
    }
    answers.set(one, answered);
  }
}

/** Each case comes from an address of its own, which all three tell the recorder. */
function addressOf(at: number): string {
  return `127.2.${Math.floor(at / 250)}.${(at % 250) + 1}`;
}

interface Through extends Received {
  readonly through: PartyName;
}

function receivedFrom(all: readonly Through[], address: string): Outcome['received'] {
  const own = all.filter(({ head }) => lineOf(head, 'x-forwarded-for') === address);
  const odd = own.filter(({ head }) => head.split(' ')[1] !== lastTarget);
  const of = (name: PartyName) => odd.filter(({ through }) => through === name);
  return { edge: of('edge'), nginx: of('nginx'), haproxy: of('haproxy') };
}

/** By what came first over the connection. */
function throughWhom(bytes: string): PartyName {
  const through = lineOf(bytes, 'x-through');
  return partyNames.find((name) => name === through) ?? 'edge';
}

/** Whether what came through the edge is what a record says was decided on. */
function misjudgement(
  { head, whole, bodyBytes, through }: Through,
  { edge }: Parties,
): readonly string[] {
  if (through !== 'edge') return [];
  const read = readHead(head);
  if (typeof read === 'string') return [`the upstream got ${JSON.stringify(read)}`];
  const id = lineOf(head, 'sallyport-request-id');
  const record = edge.records.all.find(({ correlationId }) => correlationId === id);
  const found = judge(read, record);
  if (found !== '') return [found];
  const counted = record?.bytesIn ?? 0;
  return whole && counted !== bodyBytes
    ? [`${read.target} has ${bodyBytes} bytes, not ${counted} as recorded`]
    : [];
}

/** How far a party went: number of whole requests, and a half for one that broke off. */
export function extent(received: readonly Received[]): number {
  return received.reduce((sum, { whole }) => sum + (whole ? 1 : 0.5), 0);
}

function wholes(received: readonly Received[]): number {
  return received.filter(({ whole }) => whole).length;
}

/** Whether more reached the upstream through the edge than through either of the others. */
export function refusedByBoth({ case: one, received }: Outcome): boolean {
  if (others.some((other) => wholes(received[other]) >= wholes(received.edge))) return false;
  const { without } = one;
  return without === null || received.edge.some(({ text }) => text.includes(without));
}

/** Which others let less through than the edge did. */
export function stricterThanEdge({ received }: Outcome): readonly Other[] {
  return others.filter((other) => extent(received[other]) < extent(received.edge));
}
