import { create } from '@bufbuild/protobuf';
import {
  DescribeSelfRequestSchema,
  type DescribeSelfResponse,
  EndOwnSessionsRequestSchema,
  EndSessionRequestSchema,
} from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import { beforeAll, describe, expect, it } from 'vitest';
import { insertAccessRecords } from '../store/access-records.ts';
import { startIdentityProvider, type TestProvider } from '../testing/identity-provider.ts';
import { accessRecord } from '../testing/records.ts';
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

  it('is told to a session that holds and to nothing else', async () => {
    const { jws } = await signIn('carol');
    const codeOf = (statement: string) =>
      self(statement).then(
        () => 'told',
        ({ code }: { code: number }) => code,
      );
    const head = `${jws.slice(0, -6)}AAAAAA`;
    for (const forged of ['', 'x', head, 'x'.repeat(5_000)]) {
      expect(await codeOf(forged)).toBe(status.INVALID_ARGUMENT);
    }
    const request = create(EndSessionRequestSchema, { statement: jws });
    await world.edge.client.unary('endSession', request, 5_000);
    expect(await codeOf(jws)).toBe(status.INVALID_ARGUMENT);
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
});
