import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Links } from '../support/links.ts';
import { idsIn } from '../support/log-servers.ts';
import { exportFailures, LogSinks } from '../support/log-sinks.ts';
import { readMetrics, sum } from '../support/metrics.ts';
import { printRecoveries, recovered } from '../support/recoveries.ts';
import type { Session } from '../support/sessions.ts';
import { type Answered, type LoadOptions, latencyOf, steadyLoad } from '../support/steady-load.ts';
import { until } from '../support/until.ts';
import { servedSession, startWorld, untilNormal, type World } from '../support/world.ts';

/**
 * Whatever does not take access records, requests do not notice: sinks that block, a standard output
 * that nobody reads, no control plane. Nothing is lost that the spool can hold, and what it cannot is
 * counted. One stack, one phase after the other.
 */
const plane = 'control-plane-1';
const spoolMib = 16;
/** Records of about 4 KiB: more than the spool holds of them. */
const large = { count: 9_000, refusedEvery: 10, userAgent: '"'.repeat(1_000) };
/** What a phase may take until all is as it should be. */
const patient = { msMax: 150_000, everyMs: 500 };

let world: World;
let sinks: LogSinks;
let session: Session;
/** Every request of this test that was answered. */
const asked: Answered[] = [];
/** Those whose records were dropped on their way to the control plane. */
let dropped = 0;

beforeAll(async () => {
  const edgeEnvironment = { SALLYPORT_RECORD_SPOOL_MIB: String(spoolMib) };
  world = await startWorld({ edges: 1, edgeEnvironment }, new Links(() => false));
  sinks = await LogSinks.start(world.stack.description);
  session = await servedSession(world);
  await sinks.configure(world.admin.at(0));
});
afterAll(async () => {
  await world.close();
  await sinks.close();
});
printRecoveries('Blocked sinks and no control plane: what was measured');

it('F26 with everything at work, every record is stored and exported', async () => {
  await ask('normal', { count: 2_000, refusedEvery: 10 });
  await untilAllStored();
  await untilExported();
});

it('F26 with sinks that block and a standard output that nobody reads, every record is stored', async () => {
  await sinks.block();
  world.stack.holdOutput('edge-1', true);
  await ask('sinks blocked', { count: 6_000, refusedEvery: 10 });
  await untilAllStored();
  await until('every export says why it waits', async () => {
    const failures = await exportFailures(world.admin.at(0));
    return failures.length === 3 && failures.every((failure) => failure !== null);
  });
  await ask('sinks still blocked', { count: 2_000, refusedEvery: 10 });
  await untilAllStored();
  await until('the file is told to be behind', async () => (await exportLag('file')) > 0);
});

it('F26 what an edge served while no control plane ran is stored and exported when one is back', async () => {
  await world.stack.kill(plane);
  await ask('control plane down', { count: 3_000, refusedEvery: 10 });
  expect(await droppedUpward()).toEqual({ permit: 0, denial: 0 });
  await sinks.unblock();
  const back = performance.now();
  await startPlane();
  await untilAllStored();
  recovered('F26', 'all stored after the control plane is back', performance.now() - back);
  // From where each was, although the process that knew was killed.
  await untilExported();
  recovered('F26', 'and all exported after', performance.now() - back);
});

it('F26 beyond what the spool holds records are dropped, permits first, and each is counted', async () => {
  await world.stack.kill(plane);
  const before = asked.length;
  await ask('control plane down, spool full', large);
  const sent = asked.slice(before);
  // The last of them go to the disk after a moment, where they take the place of others.
  const lost = await until('the counts stand still', settled, patient);
  recovered('F26', 'dropped of these', JSON.stringify(lost.value));
  await startPlane();
  await until('nothing waits at the edge', async () => (await backlog()) === 0, patient);
  const now = await droppedUpward();
  dropped = now.permit + now.denial;
  expect(now.permit).toBeGreaterThan(0);
  expect(now.denial).toBe(0);
  const stored = await untilAllStored();
  const denials = sent.filter(({ status }) => status !== 200);
  expect(denials.filter(({ id }) => !stored.has(id))).toEqual([]);
  expect(sent.filter(({ id }) => stored.has(id)).length + dropped).toBe(sent.length);
  const told = await readMetrics(world.stack.description.controlPlanes[0]?.ops ?? '');
  const outcome = 'dropped_at_edge';
  expect(sum(told, 'sallyport_access_records_total', { outcome })).toBe(dropped);
  await untilExported();
});

it('F26 a standard output that is read again has every line but those that were counted', async () => {
  const { stack } = world;
  const file = join(stack.description.dir, 'logs', 'edge-1.out');
  stack.holdOutput('edge-1', false);
  const ours = new Set(asked.map(({ id }) => id));
  const figures = await edgeFigures();
  const lost = sum(figures, 'sallyport_edge_records_dropped_total', { place: 'output' });
  const { value } = await until('all that was kept is written', async () => {
    const lines = idsIn(await readFile(file, 'utf8')).filter((id) => ours.has(id));
    return lines.length >= asked.length - lost ? lines : null;
  });
  expect(value).toHaveLength(asked.length - lost);
  expect(new Set(value).size).toBe(value.length);
  recovered('F26', 'lines dropped of the standard output', String(lost));
  await untilNormal(world);
});

/** Asks, says how long answers took and what the processes held, and checks that none was wrong. */
async function ask(phase: string, load: LoadOptions): Promise<void> {
  const before = await memory();
  const answers = await steadyLoad(world.stack.description, session, load);
  asked.push(...answers);
  recovered('F26', `requests, ${phase}`, latencyOf(answers));
  recovered('F26', `memory before and after, ${phase}`, `${before}; ${await memory()}`);
  const refused = Math.ceil(load.count / (load.refusedEvery ?? Number.POSITIVE_INFINITY));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(load.count - refused);
  expect(answers.filter(({ status }) => status === 401)).toHaveLength(refused);
}

/** Resident, of each process that records go through. */
async function memory(): Promise<string> {
  const sizes = ['edge-1', plane].map(async (name) => {
    const status = await readFile(`/proc/${world.stack.pid(name)}/status`, 'utf8').catch(() => '');
    const kib = /^VmRSS:\s+(\d+)/m.exec(status)?.[1];
    return `${name} ${kib === undefined ? 'gone' : `${Math.round(Number(kib) / 1_024)} MiB`}`;
  });
  return (await Promise.all(sizes)).join(', ');
}

/** Waits until all that was not dropped is in the database, once each; gives the ids. */
async function untilAllStored(): Promise<ReadonlySet<string>> {
  const ours = new Set(asked.map(({ id }) => id));
  const wanted = ours.size - dropped;
  const look = async (): Promise<readonly string[] | null> => {
    if ((await backlog()) > 0) return null;
    const stored = (await storedIds()).filter((id) => ours.has(id));
    if (stored.length < wanted) throw new Error(`${stored.length} of ${wanted}`);
    return stored;
  };
  const { value } = await until('every record is stored', look, patient);
  const once = new Set(value);
  expect(value).toHaveLength(once.size);
  expect(once.size).toBe(wanted);
  return once;
}

/** Correlation ids of all records in the database, as often as they are there. */
async function storedIds(): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let next = ''; ; ) {
    const path = `/v1/decisions?limit=200${next}`;
    const { items, nextCursor } = await world.admin.at(0).get<DecisionPage>(path);
    ids.push(...items.map(({ correlationId }) => correlationId));
    if (nextCursor === null) return ids;
    next = `&cursor=${encodeURIComponent(nextCursor)}`;
  }
}

interface DecisionPage {
  readonly items: readonly { readonly correlationId: string }[];
  readonly nextCursor: string | null;
}

/** Waits until the file and the syslog server have all that is stored. */
async function untilExported(): Promise<void> {
  const ours = new Set(asked.map(({ id }) => id));
  const wanted = ours.size - dropped;
  for (const [name, read] of [
    ['the file', () => sinks.inFile()],
    ['the syslog server', () => Promise.resolve(sinks.inSyslog)],
  ] as const) {
    const { value } = await until(
      `${name} has every record`,
      async () => {
        const found = (await read()).filter((id) => ours.has(id));
        const distinct = new Set(found).size;
        if (distinct < wanted) throw new Error(`${distinct} of ${wanted}`);
        return { distinct, again: found.length - distinct };
      },
      patient,
    );
    expect(value.distinct).toBe(wanted);
    recovered('F26', `${name} has ${wanted} records, sent again`, String(value.again));
  }
}

async function startPlane(): Promise<void> {
  await world.stack.restart(plane);
  await untilNormal(world);
}

const edgeFigures = () => readMetrics(world.stack.description.edges[0]?.ops ?? '');

async function backlog(): Promise<number> {
  return sum(await edgeFigures(), 'sallyport_edge_records_backlog');
}

/** Lost on the way up, wherever. */
async function droppedUpward(): Promise<{ readonly permit: number; readonly denial: number }> {
  const figures = await edgeFigures();
  const of = (kind: string): number =>
    ['worker', 'upward', 'spool']
      .map((place) => sum(figures, 'sallyport_edge_records_dropped_total', { place, kind }))
      .reduce((all, one) => all + one, 0);
  return { permit: of('permit'), denial: of('denial') };
}

let lastSeen = '';
/** What was lost, once it was the same twice and some of it. */
async function settled(): Promise<{ readonly permit: number; readonly denial: number } | null> {
  const now = await droppedUpward();
  const text = JSON.stringify([now, await backlog()]);
  const same = text === lastSeen;
  lastSeen = text;
  return same && now.permit > 0 ? now : null;
}

async function exportLag(sink: string): Promise<number> {
  const figures = await readMetrics(world.stack.description.controlPlanes[0]?.ops ?? '');
  return sum(figures, 'sallyport_export_lag_rows', { sink });
}
