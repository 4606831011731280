import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FarMachine, nearAddress } from './far-machine.ts';
import { acceptWebSockets, neverOverloaded, OpenEdge, openHost } from './open-edge.ts';

/**
 * A program, in a network namespace of its own: an edge whose clients vanish from one instant to the
 * next, as nothing that they send arrives any more. Says what was seen, as one line of JSON.
 */
const each = 20;
/** Longer than anybody waits. */
const answerMib = 4_096;
const waitMsMax = 150_000;
/** Between two looks at how many are left. */
const lookEveryMs = 200;
/**
 * Acknowledgements are put off for less (RFC 1122, section 4.2.3.2). The kernel asks after no client that
 * has not acknowledged something: a WebSocket would stay for its idle limit, which is not waited for here.
 */
const acknowledgedWithinMs = 500;

export interface Seen {
  readonly openBefore: number;
  /** Until every answer was given up, and every WebSocket; -1: not within what is waited for. */
  readonly answersGoneMs: number;
  readonly allGoneMs: number;
  readonly grownMib: number;
  /** Of the requests of others meanwhile, how often each status. */
  readonly others: Readonly<Record<string, number>>;
  /** Of the records of what was open, how often. */
  readonly endings: Readonly<Record<string, number>>;
}

function* large(): Generator<Buffer> {
  const chunk = Buffer.alloc(2 ** 20, 'z');
  for (let mib = 0; mib < answerMib; mib += 1) yield chunk;
}

async function seen(): Promise<Seen> {
  const far = await FarMachine.start();
  const edge = await OpenEdge.start({
    environment: { SALLYPORT_LISTEN: '0.0.0.0:0', ...neverOverloaded },
    listener: { slowClients: { responseIdle: '5s' } },
    upstream: (request, response) => {
      if (request.url === '/large') Readable.from(large()).pipe(response);
      else response.end('ok');
    },
  });
  acceptWebSockets(edge.upstream);
  const open = () => edge.figure('sallyport_edge_open_exchanges');
  try {
    const program = fileURLToPath(new URL('far-clients.ts', import.meta.url));
    const { port } = edge.listening;
    await far.run(program, nearAddress, String(port), openHost, String(each)).next();
    await sleep(acknowledgedWithinMs);
    const [openBefore, memory] = [await open(), edge.residentMib()];
    far.dropWhatItSends();
    const fromMs = performance.now();
    let [answersGoneMs, allGoneMs, most] = [-1, -1, memory];
    const others: Record<string, number> = {};
    while (allGoneMs < 0 && performance.now() - fromMs < waitMsMax) {
      const status = await edge.ask();
      others[status] = (others[status] ?? 0) + 1;
      const left = await open();
      most = Math.max(most, edge.residentMib());
      if (answersGoneMs < 0 && left <= each) answersGoneMs = performance.now() - fromMs;
      if (left === 0) allGoneMs = performance.now() - fromMs;
      await sleep(lookEveryMs);
    }
    // Records are written a little later than what they tell of is over.
    const isTheirs = ({ path }: Readonly<Record<string, unknown>>) =>
      path === '/large' || path === '/chat';
    const endings: Record<string, number> = {};
    for (let left = openBefore; left > 0; left -= 1) {
      const { path, ending } = await edge.process.lines.next(isTheirs);
      const name = `${String(path)} ${String(ending)}`;
      endings[name] = (endings[name] ?? 0) + 1;
    }
    const grownMib = most - memory;
    return { openBefore, answersGoneMs, allGoneMs, grownMib, others, endings };
  } finally {
    far.stop();
    await edge.stop();
  }
}

process.stdout.write(`${JSON.stringify(await seen())}\n`);
