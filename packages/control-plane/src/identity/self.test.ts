import { create } from '@bufbuild/protobuf';
import {
  DescribeSelfRequestSchema,
  type DescribeSelfResponse,
  EndOwnSessionsRequestSchema,
  EndSessionRequestSchema,
} from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import type { AccessRecord } from '@sallyport/shared/access-record';
import type { SignalEvent } from '@sallyport/shared/signals/events';
import { emptyHistory, encodeHistory, remember } from '@sallyport/shared/signals/history';
import { eq } from 'drizzle-orm';
import { beforeAll, describe, expect, it } from 'vitest';
import { insertAccessRecords } from '../store/access-records.ts';
import { transaction } from '../store/database.ts';
import { lockHistories, writeHistories } from '../store/histories.ts';
import { adminAudit } from '../store/schema/index.ts';
import { startIdentityProvider, type TestProvider } from '../testing/identity-provider.ts';
import { accessRecord } from '../testing/records.ts';
import { bornSession } from '../testing/sessions.ts';
import { newAttempt, type SignInWorld, startSignInWorld } from '../testing/sign-in-world.ts';

let world: SignInWorld;
let idp: TestProvider;
beforeAll(async () => {
  world = await startSignInWorld();
  idp = await startIdentityProvider(world.authority, [world.redirectUri('corp')]);
  await world.configure([{ ...idp, name: 'corp' }]);
});

async function signIn(name: string) {
  idp.account = {
    sub: name,
    email: `${name}@corp.example`,
    email_verified: true,
    name,
    groups: ['staff'],
  };
  const attempt = newAttempt(world.redirectUri('corp'), 'corp');
  const response = await world.complete(attempt, await idp.signIn(await world.begin(attempt)));
  if (response.result.case !== 'signedIn') throw new Error('not signed in');
  const { sid, userId } = await world.statementOf(response);
  return { jws: response.result.value.statement, sid, userId };
}

const self = (statement: string): Promise<DescribeSelfResponse> =>
  world.edge.client.unary('describeSelf', create(DescribeSelfRequestSchema, { statement }), 5_000);
const end = (statement: string, sids: readonly string[]) => {
  const request = create(EndOwnSessionsRequestSchema, { statement, sids: [...sids] });
  return world.edge.client.unary('endOwnSessions', request, 5_000);
};
const codeOf = (statement: string): Promise<number> =>
  self(statement).then(
    () => status.OK,
    ({ code }: { code: number }) => code,
  );
const sidsOf = ({ sessions }: DescribeSelfResponse): string[] => sessions.map(({ sid }) => sid);

describe('what a person may know of themselves', () => {
  it('is their own sessions, devices, places and refusals, and nobody else’s', async () => {
    const ann = await signIn('ann');
    const bob = await signIn('bob');
    const place = { country: 'DE', region: 'Hamburg', asn: null, egress: '' };
    const nowhere = { place: { country: null, region: null, asn: null, egress: '' } };
    const seen = { userId: ann.userId, sid: ann.sid, facts: { place } as never };
    await insertAccessRecords(
      world.database,
      world.edge.edgeId,
      [
        accessRecord(seen),
        accessRecord({ ...seen, facts: nowhere as never }),
        accessRecord({ ...seen, outcome: 'deny', reasons: ['group_missing'], path: '/admin' }),
        accessRecord({ userId: bob.userId, outcome: 'deny', reasons: ['device_missing'] }),
      ],
      Date.now(),
    );
    const found = await self(ann.jws);
    expect([found.email, found.name]).toEqual(['ann@corp.example', 'ann']);
    expect(found.sessions.map(({ sid, current }) => [sid, current])).toEqual([[ann.sid, true]]);
    expect(found.sessions[0]?.lastSeenAtMs).toBeGreaterThan(0n);
    expect(found.places).toMatchObject([{ country: 'DE', region: 'Hamburg', egress: '' }]);
    expect(found.denials).toMatchObject([{ path: '/admin', reasons: ['group_missing'] }]);
  });

  it('shows the places of each session, however often another one of theirs is used', async () => {
    const [own, stolen] = [await signIn('mia'), await signIn('mia')];
    const { userId } = own;
    const at = (sid: string, country: string, atMs: number): SignalEvent => ({
      kind: 'sighted',
      id: `req_${sid}`,
      atMs,
      userId,
      sid,
      deviceId: null,
      sourceAddress: '203.0.113.7',
      place: {
        country,
        region: null,
        coordinates: { latitude: 53.6, longitude: 10, accuracyKm: 20 },
        asn: 3320,
        egress: null,
      },
      route: 'wiki',
    });
    const nowMs = Date.now();
    const first = remember(emptyHistory, at(own.sid, 'DE', nowMs - 7_200_000)).history;
    const { history } = remember(first, at(stolen.sid, 'BR', nowMs));
    await transaction(world.database.ordinary, async (db) => {
      await lockHistories(db, [userId], nowMs);
      await writeHistories(db, new Map([[userId, encodeHistory(history)]]), nowMs);
    });
    const place = (n: number) => ({ country: 'BR', region: `region ${n % 20}`, egress: '' });
    const flood = Array.from({ length: 500 }, (_, n) =>
      accessRecord({ userId, sid: stolen.sid, facts: { place: place(n) } as never }),
    );
    await insertAccessRecords(world.database, world.edge.edgeId, flood, nowMs);
    const found = await self(own.jws);
    expect(new Map(found.sessions.map(({ sid, country }) => [sid, country]))).toEqual(
      new Map([
        [own.sid, 'DE'],
        [stolen.sid, 'BR'],
      ]),
    );
    const mine = found.sessions.find(({ sid }) => sid === own.sid);
    expect(Math.floor(nowMs / 1000) - Number(mine?.lastSeenAtMs) / 1000).toBe(7_200);
    expect(found.places.length).toBe(12);
    expect(found.places.at(-1)).toMatchObject({ country: 'DE', region: '' });
  });

  it('is told to a session that holds and to nothing else', async () => {
    const { jws } = await signIn('carol');
    const head = `${jws.slice(0, -6)}AAAAAA`;
    for (const forged of ['', 'x', head, 'x'.repeat(5_000)]) {
      expect(await codeOf(forged)).toBe(status.INVALID_ARGUMENT);
    }
    const request = create(EndSessionRequestSchema, { statement: jws });
    await world.edge.client.unary('endSession', request, 5_000);
    expect(await codeOf(jws)).toBe(status.INVALID_ARGUMENT);
  });

  it('is told whatever an edge that is not ours any more has written of them', async () => {
    const ed = await signIn('ed');
    const odd = (time: string, place: unknown, more: object = {}) =>
      accessRecord({
        userId: ed.userId,
        time,
        facts: { place } as never,
        outcome: 'deny',
        ...more,
      });
    const records = [
      odd('no time of day at all', { country: { a: 1 }, region: 7, egress: ['x'] }),
      odd('-000001-01-01T00:00:00.000Z', 'nowhere'),
      odd('+275760-09-13T00:00:00.000Z', [], { path: `/${'x'.repeat(254)}\u{1f6aa}` }),
      odd(new Date().toISOString(), { country: 'DE', region: `${'x'.repeat(127)}\u{1f6aa}` }),
    ];
    await insertAccessRecords(world.database, world.edge.edgeId, records, Date.now());
    const found = await self(ed.jws);
    expect(found.places.map(({ country }) => country)).toEqual(['DE']);
    expect(found.denials.length).toBe(records.length);
  });

  it('is looked for among the newest requests alone, not in a whole history', async () => {
    const { jws, userId } = await signIn('ida');
    const write = (records: readonly AccessRecord[]) =>
      insertAccessRecords(world.database, world.edge.edgeId, records, Date.now());
    await write([accessRecord({ userId, outcome: 'deny', path: '/long-ago' })]);
    await write(Array.from({ length: 1_999 }, () => accessRecord({ userId })));
    expect((await self(jws)).denials.map(({ path }) => path)).toEqual(['/long-ago']);
    await write([accessRecord({ userId })]);
    expect((await self(jws)).denials).toEqual([]);
  });

  it('is read for a few at a time, so that nobody is kept from signing in', async () => {
    const [fred, gus] = [await signIn('fred'), await signIn('gus')];
    const codes = await Promise.all([
      ...Array.from({ length: 40 }, () => codeOf(fred.jws)),
      codeOf(gus.jws),
    ]);
    expect(new Set(codes)).toEqual(new Set([status.OK, status.RESOURCE_EXHAUSTED]));
    expect(codes.at(-1)).toBe(status.OK);
    expect((await self(fred.jws)).email).toBe('fred@corp.example');
  });
});

describe('ending own sessions', () => {
  it('ends those that are named, and others of the same person alone', async () => {
    const mine = [await signIn('dora'), await signIn('dora'), await signIn('dora')] as const;
    const other = await signIn('emil');
    const one = await end(mine[0].jws, [mine[1].sid, other.sid]);
    expect([one.ended, one.revoke !== undefined]).toEqual([1, true]);
    expect(sidsOf(await self(mine[0].jws)).sort()).toEqual([mine[0].sid, mine[2].sid].sort());
    expect(sidsOf(await self(other.jws))).toEqual([other.sid]);
    expect((await end(mine[0].jws, [])).ended).toBe(1);
    expect(sidsOf(await self(mine[0].jws))).toEqual([mine[0].sid]);
    await expect(end(mine[2].jws, [])).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  it('ends all others, however many there are, and writes nothing where nothing ends', async () => {
    const { jws, sid, userId } = await signIn('hal');
    for (let n = 0; n < 60; n += 1) await bornSession(world, userId);
    const audited = () => world.database.db.$count(adminAudit, eq(adminAudit.verb, 'end_own'));
    const before = await audited();
    expect((await end(jws, [])).ended).toBe(60);
    expect(sidsOf(await self(jws))).toEqual([sid]);
    const nothing = await Promise.all([end(jws, []), end(jws, [`ses_${'7'.repeat(26)}`])]);
    expect(nothing.map(({ ended }) => ended)).toEqual([0, 0]);
    expect(await audited()).toBe(before + 1);
  });
});
