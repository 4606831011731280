import { afterAll, beforeAll } from 'vitest';
import { printRecoveries } from '../support/recoveries.ts';
import { startWorld, type World } from '../support/world.ts';
import { busFaults } from './bus.ts';
import { databaseFaults } from './database.ts';
import { edgeFaults } from './edges.ts';
import { replicaFaults } from './replicas.ts';

/** The quick ones, on one stack; each leaves it as it was. README.md names the test of each fault. */
let world: World;

beforeAll(async () => {
  world = await startWorld({ controlPlanes: 2, edges: 2, nats: true });
});
afterAll(() => world.close());
printRecoveries('Faults: what was measured');

busFaults(() => world);
databaseFaults(() => world);
replicaFaults(() => world);
edgeFaults(() => world);
