import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// `npm test -- --full` adds the long tests, named *.full.test.ts.
const full = process.env['SALLYPORT_TEST_FULL'] === '1';
const exclude = ['**/node_modules/**', ...(full ? [] : ['**/*.full.test.ts'])];

// Processes that tests start share what they compile: each would write two thousand files for itself.
const env = {
  NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/sallyport-compiled'),
};

// Tests wait for databases and sockets more than they compute.
const workers = 3;
/** Whole stacks side by side: each is many processes. */
const stacks = 2;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'pure',
          include: ['{packages/policy,packages/shared,scripts}/**/*.test.ts'],
          exclude,
          pool: 'threads',
          isolate: false,
          maxWorkers: workers,
        },
      },
      {
        // Edges within the process of the test. They end with their tests, so files share modules,
        // which would take longer to load than the tests take.
        test: {
          name: 'edge',
          env,
          include: ['packages/edge-proxy/src/request/**/*.test.ts'],
          exclude,
          pool: 'forks',
          isolate: false,
          maxWorkers: workers,
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'server',
          env,
          include: [
            'packages/{proto,control-plane,edge-proxy,cli}/**/*.test.ts',
            'infra/**/*.test.ts',
            'tests/**/*.test.ts',
          ],
          exclude: [
            ...exclude,
            'tests/{e2e,faults,chaos}/**',
            'packages/edge-proxy/src/request/**',
          ],
          pool: 'forks',
          maxWorkers: workers,
          globalSetup: ['packages/control-plane/src/testing/shared-server.ts'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        // Whole stacks, when the others are done with the cores.
        test: {
          name: 'e2e',
          env,
          include: ['tests/e2e/**/*.test.ts'],
          exclude,
          pool: 'forks',
          maxWorkers: stacks,
          sequence: { groupOrder: 1 },
          globalSetup: ['tests/e2e/shared-stack.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        // Stacks that are broken on purpose.
        test: {
          name: 'faults',
          env,
          include: ['tests/{faults,chaos}/**/*.test.ts'],
          exclude,
          pool: 'forks',
          maxWorkers: stacks,
          sequence: { groupOrder: 1 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
