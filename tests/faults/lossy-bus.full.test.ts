import { afterAll, beforeAll, expect, it } from 'vitest';
import { Links } from '../support/links.ts';
import { LossyBus } from '../support/lossy-bus.ts';
import { readMetrics, sum } from '../support/metrics.ts';
import { printRecoveries, recovered } from '../support/recoveries.ts';
import {
  pathsOf,
  revokeAndCheck,
  servedSession,
  startWorld,
  untilAgreed,
  untilEnforced,
  untilNormal,
  type World,
} from '../support/world.ts';
import { untilBusConnected } from './bus.ts';
import { revokeFlood } from './flood.ts';

const stormMs = 8_000;
const seed = 12;

let world: World;
let bus: LossyBus;
let ownBus = '';
let edgesBus = '';

beforeAll(async () => {
  const links = new Links(({ from, to, target }) => {
    if (to === 'nats') ownBus = target;
    if (to === 'nats-for-edges') edgesBus = target;
    // The way of the state over gRPC: so slow below that the bus is often the first.
    return from.startsWith('edge-') && to.startsWith('control-plane-');
  });
  world = await startWorld({ controlPlanes: 2, edges: 2, nats: true, natsForEdges: true }, links);
  const { dir } = world.stack.description;
  bus = await LossyBus.start(dir, `tls://${ownBus}`, `tls://${edgesBus}`, seed);
});
afterAll(async () => {
  await bus.close();
  await world.close();
});
printRecoveries('A bus that loses, doubles, delays and replays: what was measured');

it('F12 a bus that loses, doubles, delays and replays what it carries changes nothing but the path', async () => {
  const { stack, links, admin } = world;
  await untilBusConnected(world, true);
  for (const { name } of stack.description.edges) {
    for (const proxy of links.of(name)) proxy.shape('both', { delayMs: 30, jitterMs: 20 });
  }
  const storm = revokeFlood(admin, 4, stormMs);
  const seen: string[] = [];
  const paths = new Set<string | null>();
  for (const startedAt = performance.now(); performance.now() - startedAt < stormMs; ) {
    const revoked = await revokeAndCheck(world, await servedSession(world));
    expect(revoked.enforced, pathsOf(world, revoked)).toBe(true);
    for (const { path } of revoked.receipts) paths.add(path);
    seen.push(pathsOf(world, revoked));
  }
  const { last, confirmed } = await storm;
  if (last === null) throw new Error('nothing was revoked');
  recovered('F12', 'what the bus did', JSON.stringify(bus.handled));
  recovered(
    'F12',
    `${confirmed} revocations, all enforced everywhere after the last`,
    await untilEnforced(world, last),
  );
  for (const proxy of links.of('edge-1').concat(links.of('edge-2'))) proxy.heal();
  for (const replica of stack.description.controlPlanes.keys()) {
    recovered('F12', 'digests agree after', await untilAgreed(world, replica));
  }
  recovered('F12', 'paths of one of them', seen.at(-1) ?? '');
  recovered('F12', 'paths that came first', [...paths].join(' '));
  expect([...paths]).toContain('nats');
  recovered('F12', 'all as it was after', await untilNormal(world));
});

it('F12 and none of it is taken for a forgery', async () => {
  const { edges } = world.stack.description;
  const figures = (await Promise.all(edges.map(({ ops }) => readMetrics(ops)))).flat();
  const alarms = figures.filter(({ name }) => name === 'sallyport_edge_state_alarms_total');
  const words = alarms.map(({ labels, value }) => `${labels['lane']} ${labels['alarm']} ${value}`);
  recovered('F12', 'alarms of the edges', words.join(', ') || 'none');
  for (const alarm of ['forged', 'fork', 'unknown_key', 'rollback']) {
    expect(sum(figures, 'sallyport_edge_state_alarms_total', { alarm })).toBe(0);
  }
});
