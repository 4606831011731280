import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { protocols } from '../client-h2.ts';
import { TestEdge } from '../edge.ts';
import { sectionViolation } from './header-sections.ts';
import { changedHello, clientHello, sendHello } from './hello.ts';
import { pureProperties } from './properties.ts';
import { answerOf, WireFuzz } from './wire.ts';
import { senders } from './wire-http2.ts';

const minutes = 60_000;

describe('whatever somebody sends, a million times', () => {
  it.each(pureProperties.map((one) => [one.title, one] as const))(
    '%s',
    (_title, { check }) => {
      expect(check(1_000_000)).toBe('');
    },
    20 * minutes,
  );
});

describe.each(protocols)('whatever bytes come over a connection of %s, many times', (protocol) => {
  let edge: TestEdge;
  let wire: WireFuzz;
  beforeAll(async () => {
    edge = await TestEdge.start();
    edge.upstream.script = answerOf;
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    wire = new WireFuzz(edge, senders[protocol](cookie));
  });
  afterAll(() => edge.stop());

  it.each(Array.from({ length: 10 }, (_, at) => 1_001 + at * 1_000))(
    'row 65: the upstream gets what was decided on (%d and the 999 seeds after it)',
    async (from) => {
      for (let seed = from; seed < from + 1_000; seed += 1) {
        const found = await wire.violation(seed);
        expect(found === '' ? '' : `seed ${seed}: ${found}`).toBe('');
      }
    },
    10 * minutes,
  );
});

describe('whatever bytes begin a connection, many times', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await TestEdge.start();
  });
  afterAll(() => edge.stop());

  it('row 42: a header section over HTTP/2 goes on or not', { timeout: 10 * minutes }, async () => {
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    for (let seed = 1_001; seed <= 11_000; seed += 1) {
      const found = await sectionViolation(edge, cookie, seed);
      expect(found === '' ? '' : `seed ${seed}: ${found}`).toBe('');
      await edge.settle();
    }
  });

  it('row 7: a hello ends in an answer or in none', { timeout: 10 * minutes }, async () => {
    const hello = await clientHello('app.corp.test');
    for (let seed = 1_001; seed <= 11_000; seed += 1) {
      await sendHello(edge, changedHello(hello, 'app.corp.test', seed));
    }
    expect(edge.logged.join('')).not.toMatch(/sni_failed/);
  });
});
