import { type Stack, type StackOptions, startStack } from '@sallyport/stack';
import { Admin, disagreement, type Revoked, type RevokeTarget, reached } from './admin.ts';
import { userOf } from './cast.ts';
import { Links } from './links.ts';
import { type Figure, isReady, readMetrics, sum } from './metrics.ts';
import { Asker, openSession, type Session } from './sessions.ts';
import { until } from './until.ts';

/** A stack with everything at hand that a test of faults needs. */
export interface World {
  readonly stack: Stack;
  readonly links: Links;
  readonly admin: Admin;
  readonly asker: Asker;
  close(): Promise<void>;
}

/** Starts a stack with a fault proxy on every link between its parts, unless told otherwise. */
export async function startWorld(
  options: StackOptions,
  links: Links = new Links(),
): Promise<World> {
  const stack = await startStack({ postgresApart: true, ...options, reach: links.reach });
  const { description } = stack;
  const [admin, asker] = await Promise.all([Admin.open(description), Asker.open(description)]);
  return {
    stack,
    links,
    admin,
    asker,
    close: async () => {
      links.healAll();
      await Promise.all([admin.close(), asker.close()]);
      await stack.stop();
      await links.close();
    },
  };
}

/** A new session of somebody on the stack that every edge serves. */
export async function servedSession(
  { stack, asker }: Pick<World, 'stack' | 'asker'>,
  name = 'alice',
  edge = 0,
): Promise<Session> {
  const session = await openSession(stack.description, userOf(stack.description, name), edge);
  await until('every edge serves the session', async () =>
    (await asker.statuses(session)).every((status) => status === 200),
  );
  return session;
}

interface EdgeStreams {
  readonly connected: boolean;
  /** Streams that have ended since it started. */
  readonly ends: number;
  readonly figures: readonly Figure[];
}

/** What an edge (from 0) says of its streams. */
export async function edgeStreams(
  { stack }: Pick<World, 'stack'>,
  edge: number,
): Promise<EdgeStreams> {
  const figures = await readMetrics(stack.description.edges[edge]?.ops ?? '');
  const connected = (['revoke', 'bulk'] as const).every(
    (stream) => sum(figures, 'sallyport_edge_sync_connected', { stream }) === 1,
  );
  return { connected, ends: sum(figures, 'sallyport_edge_sync_stream_ends_total'), figures };
}

/** Waits until every replica and every edge is ready and every edge has its streams. */
export async function untilNormal(world: World, msMax = 60_000): Promise<number> {
  const { controlPlanes, edges } = world.stack.description;
  const { tookMs } = await until(
    'all is as it was',
    async () => {
      const ready = await Promise.all([...controlPlanes, ...edges].map(({ ops }) => isReady(ops)));
      if (!ready.every(Boolean)) throw new Error(`ready: ${ready.join(' ')}`);
      const streams = await Promise.all(edges.map((_, edge) => edgeStreams(world, edge)));
      if (!streams.every(({ connected }) => connected)) throw new Error('an edge has no stream');
      return true;
    },
    { msMax, everyMs: 150 },
  );
  return tookMs;
}

/**
 * Waits until every edge enforces a position of `revoke`, by what the replicas say. Gives the time
 * in milliseconds.
 */
export async function untilEnforced(
  { admin, stack }: Pick<World, 'admin' | 'stack'>,
  { position }: Pick<Revoked, 'position'>,
  msMax = 30_000,
): Promise<number> {
  const { tookMs } = await until(
    `revision ${position.rev} is enforced everywhere`,
    async () => {
      const rows = await admin.edges();
      const late = stack.description.edges.filter(
        ({ id }) =>
          !reached(rows.find((row) => row.id === id)?.lanes['revoke']?.enforced, position),
      );
      if (late.length > 0) throw new Error(late.map(({ name }) => name).join(' '));
      return true;
    },
    { msMax, everyMs: 50 },
  );
  return tookMs;
}

/**
 * Waits until this replica (from 0) sees every edge at the head of every lane with the digest that
 * is its own. Gives the time in milliseconds.
 */
export async function untilAgreed(
  { admin }: Pick<World, 'admin'>,
  replica: number,
  msMax = 20_000,
): Promise<number> {
  const { tookMs } = await until(
    'every edge has every row, by the digests',
    async () => {
      const found = disagreement(await admin.edgesAt(replica));
      if (found !== '') throw new Error(found);
      return true;
    },
    { msMax, everyMs: 200 },
  );
  return tookMs;
}

/** How one revocation came to the edges, in words: `edge-1 3.1 ms by grpc, …`. */
export function pathsOf({ stack }: Pick<World, 'stack'>, { receipts }: Revoked): string {
  return receipts
    .map(({ edgeId, status, tookMs, path }) => {
      const name = stack.description.edges.find(({ id }) => id === edgeId)?.name ?? edgeId;
      return `${name} ${status === 'enforced' ? `${(tookMs ?? 0).toFixed(1)} ms by ${path}` : status}`;
    })
    .join(', ');
}

/**
 * Signs somebody in, revokes the session and checks that no edge permits it any more. Gives what
 * the control plane answered.
 */
export async function revokeAndCheck(
  world: World,
  session: Session,
  { first = 0, target }: { readonly first?: number; readonly target?: RevokeTarget } = {},
): Promise<Revoked> {
  const revoked = await world.admin.revoke(target ?? { kind: 'session', id: session.sid }, {
    first,
  });
  for (const [edge, { id, name }] of world.stack.description.edges.entries()) {
    const receipt = revoked.receipts.find(({ edgeId }) => edgeId === id);
    if (receipt?.status !== 'enforced') continue;
    const status = await world.asker.status(session, edge);
    if (status === 200) throw new Error(`${name} permits a session whose end it has confirmed`);
  }
  return revoked;
}
