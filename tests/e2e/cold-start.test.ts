import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Stack, startStack } from '@sallyport/stack';
import { request } from 'undici';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAdmin, userOf } from '../support/cast.ts';
import { isReady, readMetrics, sum } from '../support/metrics.ts';
import { Asker, openSession, type Session } from '../support/sessions.ts';
import { until } from '../support/until.ts';

/** One edge that is killed and started with nobody to ask, and what its disk is worth then. */

const lanes = ['revoke', 'signals', 'config', 'directory'] as const;
const edge = 'edge-1';

let stack: Stack;
let asker: Asker;
let live: Session;
let ended: Session;
let state: string;
/** The state on disk before the session was ended. */
let older: string;
/** performance.now() when there was nobody to ask any more. */
let alonedAt: number;

beforeAll(async () => {
  stack = await startStack({ edges: 1 });
  asker = await Asker.open(stack.description);
  const alice = userOf(stack.description, 'alice');
  live = await openSession(stack.description, alice);
  ended = await openSession(stack.description, alice);
  state = join(stack.description.dir, edge, 'state');
  older = join(stack.description.dir, 'older-state');
  await cp(state, older, { recursive: true });
  const api = await openAdmin(stack.description);
  const target = { kind: 'session', id: ended.sid };
  await api.post('/v1/revocations?wait=enforced', { target, reason: 'A test' });
  await api.close();
  alonedAt = performance.now();
  await stack.kill('control-plane-1');
});
afterAll(async () => {
  await asker.close();
  await stack.stop();
});

function ops(): string {
  return stack.description.edges[0]?.ops ?? '';
}

async function startAgain(): Promise<void> {
  await stack.kill(edge);
  await stack.restart(edge);
}

it('F17 serves who it served and denies who was denied, and says how old its state is', async () => {
  await startAgain();
  await until('the edge is ready', () => isReady(ops()));
  expect(await asker.status(live, 0)).toBe(200);
  expect(await asker.status(ended, 0)).toBe(401);
  const aloneSeconds = (performance.now() - alonedAt) / 1_000;
  const figures = await readMetrics(ops());
  for (const lane of lanes) {
    expect(sum(figures, 'sallyport_edge_state_loaded', { lane }), lane).toBe(1);
    const age = sum(figures, 'sallyport_edge_lane_staleness_seconds', { lane });
    expect(age, lane).toBeGreaterThanOrEqual(aloneSeconds);
  }
  expect(sum(figures, 'sallyport_edge_disk_refused_total')).toBe(0);
});

it('F20 does not serve an older copy of its state, in which somebody was not denied yet', async () => {
  await stack.kill(edge);
  const marks = await readFile(join(state, 'marks'));
  const newer = join(stack.description.dir, 'newer-state');
  await cp(state, newer, { recursive: true });
  await rm(state, { recursive: true });
  await cp(older, state, { recursive: true });
  await writeFile(join(state, 'marks'), marks, { mode: 0o600 });
  await stack.restart(edge);
  expect(await asker.status(ended, 0)).toBe(503);
  expect(await asker.status(live, 0)).toBe(503);
  expect(await isReady(ops())).toBe(false);
  const figures = await readMetrics(ops());
  expect(sum(figures, 'sallyport_edge_disk_refused_total', { code: 'rollback' })).toBeGreaterThan(
    0,
  );

  // With its own files back it serves again.
  await stack.kill(edge);
  await rm(state, { recursive: true });
  await cp(newer, state, { recursive: true });
  await stack.restart(edge);
  await until('the edge is ready', () => isReady(ops()));
  expect(await asker.status(live, 0)).toBe(200);
  expect(await asker.status(ended, 0)).toBe(401);
});

it('R5 is not ready without a state, says why, and is whole again when there is somebody to ask', async () => {
  await stack.kill(edge);
  await rm(state, { recursive: true });
  await stack.restart(edge);
  const answer = await request(`${ops()}/readyz`);
  expect(answer.statusCode).toBe(503);
  const said = (await answer.body.json()) as { readonly reasons: readonly string[] };
  expect(said.reasons).not.toEqual([]);
  expect(await asker.status(live, 0)).toBe(503);

  await stack.restart('control-plane-1');
  await until('the edge is ready', () => isReady(ops()), { msMax: 60_000 });
  expect(await asker.status(live, 0)).toBe(200);
  expect(await asker.status(ended, 0)).toBe(401);
});
