import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import { allCases } from './all-cases.ts';
import { ConformanceRun } from './run.ts';

const run = new ConformanceRun();
beforeAll(() => run.start());
afterAll(() => run.stop());
afterEach(() => run.settle());

describe.each(Object.entries(allCases))('HTTP/2 with clients: %s', (_name, cases) => {
  it.each(cases)('section $section: $title', (one) => run.check(one));
});
