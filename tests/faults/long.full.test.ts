import { afterAll, beforeAll } from 'vitest';
import { printRecoveries } from '../support/recoveries.ts';
import { startWorld, type World } from '../support/world.ts';
import { deployFaults } from './deploy.ts';
import { longEdgeFaults } from './long-edges.ts';
import { longStorms } from './long-storms.ts';

/** Those that take their time, on one stack. README.md names the test of each fault. */
let world: World;

beforeAll(async () => {
  world = await startWorld({ controlPlanes: 2, edges: 4, nats: true });
});
afterAll(() => world.close());
printRecoveries('Faults that take longer: what was measured');

deployFaults(() => world);
longEdgeFaults(() => world);
longStorms(() => world);
