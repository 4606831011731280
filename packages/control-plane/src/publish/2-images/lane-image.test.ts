import { lanes } from '@sallyport/shared/state/model';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { readHead, readRevisions } from '../../store/change-log.ts';
import { putSignal } from '../../store/signals.ts';
import { write } from '../../store/write.ts';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { createSlices } from '../slices.ts';
import { buildImage } from './build.ts';
import { applyBody, createLaneImage, type LaneImage } from './lane-image.ts';

let admin: TestAdmin;
beforeAll(async () => {
  admin = await testAdmin();
});

const slices = createSlices(() => performance.now());
const actor = { kind: 'system', id: 't', label: 't', requestId: '', sourceAddress: '' } as const;

/** Ids that the API has given out, for later steps to pick from. */
interface World {
  readonly users: string[];
  readonly devices: string[];
  readonly groups: string[];
  readonly revocations: string[];
  names: number;
}

/** Makes something and notes its id, unless it is refused. */
async function make(ids: string[], path: string, body: object): Promise<void> {
  const answer = await admin.send('POST', path, { body });
  const { id } = answer.body as { readonly id?: string };
  if (answer.status === 201 && id !== undefined) ids.push(id);
}

type Step = (world: World, pick: <T>(list: readonly T[]) => T | undefined) => Promise<void>;

const steps: Record<string, Step> = {
  async user(world, pick) {
    world.names += 1;
    const group = pick(world.groups);
    const body = { displayName: `user ${world.names}`, groups: group === undefined ? [] : [group] };
    await make(world.users, '/v1/users', body);
  },
  async group(world) {
    world.names += 1;
    const name = `group-${world.names}`;
    await admin.send('POST', '/v1/groups', { body: { name } });
    world.groups.push(name);
  },
  async device(world, pick) {
    const owner = pick(world.users);
    const body = { name: 'laptop', ...(owner === undefined ? {} : { ownerUserId: owner }) };
    await make(world.devices, '/v1/devices', body);
  },
  async rename(world, pick) {
    world.names += 1;
    const body = { displayName: `renamed ${world.names}` };
    await admin.send('PATCH', `/v1/users/${pick(world.users) ?? 'none'}`, { body });
  },
  async deleteUser(world, pick) {
    await admin.send('DELETE', `/v1/users/${pick(world.users) ?? 'none'}`);
  },
  async deleteDevice(world, pick) {
    await admin.send('DELETE', `/v1/devices/${pick(world.devices) ?? 'none'}`);
  },
  async end(world, pick) {
    const id = pick(world.users);
    const target = id === undefined ? { kind: 'everyone' } : { kind: 'user', id };
    const body = { target, effect: 'end', reason: 'test' };
    await admin.send('POST', '/v1/revocations', { body });
  },
  async block(world, pick) {
    const device = pick(world.devices);
    const target = device === undefined ? { kind: 'everyone' } : { kind: 'device', id: device };
    const body = { target, effect: 'block', reason: 'test' };
    await make(world.revocations, '/v1/revocations', body);
  },
  async lift(world, pick) {
    await admin.send('DELETE', `/v1/revocations/${pick(world.revocations) ?? 'none'}`);
  },
  async secret(world) {
    world.names += 1;
    await admin.send('PUT', '/v1/secrets/some-secret', { body: { value: `v${world.names}` } });
  },
  async signal(world, pick) {
    const subjectId = pick(world.users) ?? 'usr_nobody';
    world.names += 1;
    const row = {
      subject: 'user',
      subjectId,
      name: 'risk',
      value: String(world.names),
      observedAtMs: 1,
      expiresAtMs: Date.now() + 60_000,
    } as const;
    await write(admin.database, actor, { verb: 'put', resource: 'signal' }, async (tx) => {
      tx.emit('signals', await putSignal(tx.db, row));
    });
  },
};

/** What the lane's whole log comes to. */
async function folded(lane: LaneImage['lane']): Promise<LaneImage> {
  const image = createLaneImage(lane);
  const { epoch } = await readHead(admin.database.db, lane);
  for (let rev = 0; ; ) {
    const page = await readRevisions(admin.database.db, lane, { epoch, rev }, 500);
    for (const { body } of page) applyBody(image, body);
    const last = page.at(-1);
    if (last === undefined) return image;
    rev = last.rev;
  }
}

function bytesOf(image: LaneImage): string[] {
  return Array.from({ length: image.shardCount }, (_, index) =>
    Buffer.from(image.encodeShard(index)).toString('hex'),
  );
}

describe('a lane', () => {
  it('folded from its log has the digest and the bytes of one built from the database', async () => {
    const world: World = { users: [], devices: [], groups: [], revocations: [], names: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...Object.keys(steps)), fc.nat()), {
          minLength: 20,
          maxLength: 40,
        }),
        async (walk) => {
          for (const [name, choice] of walk) {
            await steps[name]?.(world, (list) => list[choice % Math.max(1, list.length)]);
          }
          for (const lane of lanes) {
            const log = await folded(lane);
            const { image, position } = await buildImage(admin.database, lane, slices);
            expect(position).toEqual(await readHead(admin.database.db, lane));
            expect([lane, image.rows()]).toEqual([lane, log.rows()]);
            expect(image.digest()).toEqual(log.digest());
            expect(bytesOf(image)).toEqual(bytesOf(log));
          }
        },
      ),
      // The rows of one walk are there for the next, too.
      { numRuns: 6, endOnFailure: true },
    );
    expect(world.users.length + world.devices.length + world.revocations.length).toBeGreaterThan(3);
  });
});
