import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdminServer, problem, startAdminServer } from '../testing/admin-server.ts';
import { run } from '../testing/run.ts';

const place = {
  at: '2026-11-23T08:01:00.000Z',
  deviceId: 'dev_1',
  country: 'US',
  region: null,
  latitude: 40.712776184082,
  longitude: -74.01,
  asn: 7018,
  egress: null,
};
const signal = {
  id: 'sig_1',
  detector: 'impossible-travel',
  subject: { kind: 'user', id: 'usr_1' },
  userId: 'usr_1',
  userEmail: 'alice@corp.example',
  reason: 'DE and US, 6384 km apart, within 1 min',
  matter: 'DE/3320 US/7018',
  score: 80,
  state: 'open',
  at: place.at,
  lastAt: place.at,
  times: 2,
  evidence: {
    event: 'sighted',
    correlationId: 'req_1',
    sourceAddress: '203.0.113.7',
    route: 'wiki',
    here: place,
    beforeSid: 'ses_2',
    before: { ...place, at: '2026-11-23T08:00:00.000Z', country: 'DE', asn: null },
  },
};

describe('sallyport signals', () => {
  let server: AdminServer;
  beforeAll(async () => {
    server = await startAdminServer();
  });
  afterAll(() => server.close());

  const sallyport = (...argv: string[]) => run(argv, { env: server.env });
  const answerWith = (body: unknown) => server.answer(() => ({ status: 200, body }));

  it('lists what was found, by what people ask for', async () => {
    answerWith({ items: [signal], nextCursor: null });
    const listed = await sallyport('signals', '--user', 'alice@corp.example', '--state', 'open');
    expect(listed.stdout).toMatch(/^sig_1 .*impossible-travel +alice@corp.example +open +80 +2 /m);
    const [asked] = server.asked;
    expect([asked?.path, asked?.query.get('user'), asked?.query.get('state')]).toEqual([
      '/v1/signals',
      'alice@corp.example',
      'open',
    ]);
    const json = await sallyport('signals', 'list', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ items: [signal] });
  });

  it('says of an address that nobody has what the risk of a user says', async () => {
    answerWith({ items: [], nextCursor: null });
    for (const asked of [
      ['signals', 'list', '--user', 'typo@corp.example'],
      ['users', 'risk', 'typo@corp.example'],
    ]) {
      const { code, stderr } = await sallyport(...asked);
      expect([code, stderr]).toEqual([
        3,
        expect.stringContaining('no user has the address typo@corp.example'),
      ]);
    }
    expect((await sallyport('signals', '--user', 'usr_gone')).code).toBe(0);
  });

  it('shows a finding with both places, and how to see its request', async () => {
    answerWith(signal);
    const { stdout } = await sallyport('signals', 'show', 'sig_1');
    expect(stdout).toMatch(/^subject +user usr_1$/m);
    expect(stdout).toMatch(/^here +2026-11-23 08:01:00Z, US, 40.71 -74.01, AS7018, dev_1$/m);
    expect(stdout).toMatch(/^before +2026-11-23 08:00:00Z, DE, 40.71 -74.01, dev_1$/m);
    expect(stdout).toMatch(/^session before +ses_2$/m);
    expect(stdout).toMatch(/^sallyport explain req_1 shows the request, and its edge$/m);
    expect(stdout).toMatch(/^sallyport decisions list --user usr_1 /m);
    expect(stdout).toMatch(
      /^a dismissal hides +impossible-travel of alice@corp.example, between /m,
    );
    server.answer(() => problem(404, 'not_found'));
    const none = await sallyport('signals', 'show', 'sig_2');
    expect([none.code, none.stderr]).toEqual([3, expect.stringContaining('no signal sig_2')]);
    const neither = await sallyport('signals', 'dismiss', 'sig_2', '--reason', 'a trip');
    expect([neither.code, neither.stderr]).toEqual([3, expect.stringContaining('no signal sig_2')]);
    const nobody = await sallyport('users', 'risk', 'usr_2');
    expect([nobody.code, nobody.stderr]).toEqual([3, expect.stringContaining('no user usr_2')]);
  });

  it('dismisses with a reason, and takes it back', async () => {
    answerWith({ ...signal, state: 'dismissed', silentUntil: '2026-12-23T08:00:00.000Z' });
    const ran = await sallyport('signals', 'dismiss', 'sig_1', '--reason', 'a trip');
    expect(ran.stdout).toBe(
      'dismissed sig_1\n' +
        'not raised before 2026-12-23 08:00:00Z: impossible-travel of alice@corp.example, between ' +
        'all of DE on AS3320 and all of US on AS7018, from any address, device and session there\n' +
        'sallyport signals undismiss sig_1 takes it back\n',
    );
    expect(server.asked.at(-1)).toMatchObject({
      method: 'POST',
      path: '/v1/signals/sig_1/dismiss',
      body: { reason: 'a trip' },
    });
    expect((await sallyport('signals', 'dismiss', 'sig_1')).code).toBe(2);
    answerWith(signal);
    expect((await sallyport('signals', 'undismiss', 'sig_1')).stdout).toBe('sig_1 is open\n');
    expect(server.asked.at(-1)?.path).toBe('/v1/signals/sig_1/undismiss');
  });

  it.each([
    [
      'failed-sign-ins',
      '??/0',
      'while the last of them is from an unknown country on an unknown network',
    ],
    ['denial-burst', 'wiki', 'on the route wiki'],
    ['denial-burst', '*', 'on all routes together'],
    ['denial-burst', '', 'where no route is'],
    ['new-country', 'US', 'in US'],
    ['new-device', 'usr_1', 'of this device alone'],
    ['session-on-other-device', '', 'of this session without its device'],
    ['session-on-other-device', 'dev_2', 'of this session on dev_2'],
  ])('says what a dismissal of %s about "%s" hides', async (detector, matter, words) => {
    answerWith({ ...signal, detector, matter });
    const { stdout } = await sallyport('signals', 'show', 'sig_1');
    expect(stdout).toContain(`${detector} of alice@corp.example, ${words}\n`);
  });

  it('shows what counts against a user now', async () => {
    const lastPlace = { ...place, accuracyKm: 20 };
    const row = { name: 'impossible-travel', score: 80, reason: 'DE and US', ...place };
    server.answer(({ path }) => ({
      status: 200,
      body: path.endsWith('/risk')
        ? { userId: 'usr_1', score: 80, signals: [row], until: place.at, lastPlace }
        : { items: [{ id: 'usr_1' }], nextCursor: null },
    }));
    const { stdout } = await sallyport('users', 'risk', 'alice@corp.example');
    expect(stdout).toMatch(/^risk +80$/m);
    expect(stdout).toMatch(/^last place +2026-11-23 08:01:00Z, US, /m);
    expect(stdout).toMatch(/^impossible-travel +80 /m);
  });
});
