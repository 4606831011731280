import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../client.ts';
import { protocols } from '../client-h2.ts';
import { TestEdge } from '../edge.ts';
import { sectionViolation } from './header-sections.ts';
import { changedHello, clientHello, sendHello, withName } from './hello.ts';
import { keptSeeds } from './kept.ts';
import { pureProperties } from './properties.ts';
import { answerOf, WireFuzz } from './wire.ts';
import { senders } from './wire-http2.ts';

const name = 'app.corp.test';
/** On a machine that has other things to do. */
const patient = { timeout: 90_000 };

describe('whatever somebody sends', () => {
  it.each(pureProperties.map((one) => [one.title, one] as const))(
    '%s',
    (_title, { check, runs }) => {
      expect(check(runs)).toBe('');
    },
  );
});

describe.each(protocols)('whatever bytes come over a connection of %s', (protocol) => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await TestEdge.start();
    edge.upstream.script = answerOf;
  });
  afterAll(() => edge.stop());

  it('row 65: the upstream gets what was decided on, and nothing else', patient, async () => {
    const cookie = await edge.session('usr_alice', 'dev_laptop', name);
    const wire = new WireFuzz(edge, senders[protocol](cookie));
    const seeds = Array.from({ length: 100 }, (_, at) => at + 1);
    for (const seed of [...keptSeeds.wire[protocol], ...seeds]) {
      const found = await wire.violation(seed);
      expect(found === '' ? '' : `seed ${seed}: ${found}`).toBe('');
    }
    expect((await call(edge, { cookie })).status).toBe(200);
  });
});

describe('whatever bytes begin a connection', () => {
  let edge: TestEdge;
  beforeAll(async () => {
    edge = await TestEdge.start();
  });
  afterAll(() => edge.stop());

  it('row 42: a header section over HTTP/2 goes on as it was sent, or not', patient, async () => {
    const cookie = await edge.session('usr_alice', 'dev_laptop', name);
    for (let seed = 1; seed <= 100; seed += 1) {
      const found = await sectionViolation(edge, cookie, seed);
      expect(found === '' ? '' : `seed ${seed}: ${found}`).toBe('');
      await edge.settle();
    }
  });

  it(
    'row 7: a hello ends in an answer or in none, and never in an exception',
    patient,
    async () => {
      const hello = await clientHello(name);
      const hostile = [
        '127.0.0.1:443',
        '[::1].......]',
        'app\0corp.test',
        'app.corp.tes\0',
        '\0'.repeat(13),
        '*.corp.test..',
        'xn--\xff\xfe\x80.test.',
        '\xc3\xa9pp.corp.tes',
        '_pp.corp.test',
        '.............',
        '../../etc/pas',
      ];
      for (const other of hostile) {
        const said = await sendHello(edge, withName(hello, name, other));
        // An alert, and no certificate.
        expect([other, said[0]]).toEqual([other, 0x15]);
      }
      const seeds = Array.from({ length: 100 }, (_, at) => at + 1);
      for (const seed of [...keptSeeds.hello, ...seeds]) {
        await sendHello(edge, changedHello(hello, name, seed));
      }
      expect(edge.logged.join('')).not.toMatch(/sni_failed|record_lost/);
      await expect.poll(() => edge.worker.openConnections()).toBe(0);
      expect((await call(edge)).status).toBe(401);
    },
  );
});
