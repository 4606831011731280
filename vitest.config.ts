import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { opensslOption } from './packages/shared/src/tls/openssl.ts';

// `npm test -- --full` adds the long tests, named *.full.test.ts.
const full = process.env['SALLYPORT_TEST_FULL'] === '1';
const exclude = ['**/node_modules/**', ...(full ? [] : ['**/*.full.test.ts'])];

// Processes that tests start share what they compile: each would write two thousand files for itself.
const env = {
  NODE_COMPILE_CACHE: join(import.meta.dirname, 'node_modules/.cache/sallyport-compiled'),
};

// What listens within the process of a test has to be set as a process of ours sets itself.
const execArgv = [opensslOption];

// Tests wait for databases and sockets more than they compute.
const workers = 3;

/** Files that start stacks of their own, some of which they break. */
const ownStacks = [
  'tests/{faults,chaos}/**/*.test.ts',
  'tests/e2e/{cold-start,hot-path,policy-rollout,staleness,two-continents}.test.ts',
];

/** Files that start processes and wait for them, or change the process that they run in. */
const ownProcesses = [
  'packages/edge-proxy/src/{main,overload.full,clients.full}.test.ts',
  'packages/cli/src/{control-plane,program}.test.ts',
  'packages/cli/src/commands/installation-init.test.ts',
];

/** What a test looks at again and again may take long where the machine has other work. */
const expectations = { poll: { timeout: 15_000 } };

/** Tests in processes of their own, with more time than they need on a machine that is not busy. */
const inForks = {
  env,
  expect: expectations,
  pool: 'forks',
  execArgv,
  maxWorkers: workers,
  testTimeout: 60_000,
  hookTimeout: 60_000,
} as const;

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
          testTimeout: 60_000,
        },
      },
      {
        // Edges within the process of the test. They end with their tests, so files share modules,
        // which would take longer to load than the tests take.
        test: {
          name: 'edge',
          ...inForks,
          include: ['packages/edge-proxy/src/request/**/*.test.ts'],
          exclude,
          isolate: false,
        },
      },
      {
        // What an edge is made of besides: as with edges.
        test: {
          name: 'parts',
          ...inForks,
          include: ['packages/edge-proxy/**/*.test.ts'],
          exclude: [...exclude, ...ownProcesses, 'packages/edge-proxy/src/request/**'],
          isolate: false,
        },
      },
      {
        // What asks a control plane, without one: as with edges.
        test: {
          name: 'cli',
          ...inForks,
          include: ['packages/{proto,cli}/**/*.test.ts'],
          exclude: [...exclude, ...ownProcesses],
          isolate: false,
        },
      },
      {
        // Control planes with databases of their own, and what starts processes.
        test: {
          name: 'server',
          ...inForks,
          include: [
            ...ownProcesses,
            'packages/control-plane/**/*.test.ts',
            'infra/**/*.test.ts',
            'tests/**/*.test.ts',
          ],
          exclude: [...exclude, 'tests/{e2e,faults,chaos}/**'],
          globalSetup: ['packages/control-plane/src/testing/shared-server.ts'],
        },
      },
      {
        // One stack for all: one file after the other, when the others are done with the cores.
        test: {
          name: 'e2e',
          env,
          include: ['tests/e2e/**/*.test.ts'],
          exclude: [...exclude, ...ownStacks],
          pool: 'forks',
          execArgv,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
          globalSetup: ['tests/e2e/shared-stack.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        // Stacks of their own, last of all. They wait more than they compute.
        test: {
          name: 'stacks',
          env,
          include: ownStacks,
          exclude,
          pool: 'forks',
          execArgv,
          maxWorkers: full ? 1 : 2,
          sequence: { groupOrder: 2 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
