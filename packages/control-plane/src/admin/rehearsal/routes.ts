import type { Static } from 'typebox';
import { candidateOf, type GivenCandidate } from '../../simulate/candidate.ts';
import { replay } from '../../simulate/replay.ts';
import { contradictionsOf, simulate } from '../../simulate/simulate.ts';
import { Slots } from '../../simulate/slots.ts';
import { read } from '../../store/database.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { configurationBytesMax } from '../http/body.ts';
import { badField, badFields, contradiction, instantAt, notFound } from '../http/problems.ts';
import { isoOf } from '../http/schemas.ts';
import { ReplayBody, Replayed, SimulateBody, Simulated } from './schemas.ts';
import { shadowRoutes } from './shadow-routes.ts';

const tags = ['rehearsal'];

/** /v1/policy, /v1/shadow: what a version would do, before it does */
export function rehearsalRoutes(app: AdminApp, context: AdminContext): void {
  const { database, policies } = context;
  // Each takes a share of this process for seconds.
  const slots = new Slots(atOnceMax);
  app.post(
    '/v1/policy::simulate',
    {
      config: { permission: 'read' },
      bodyLimit: configurationBytesMax,
      schema: {
        tags,
        summary: 'Decide one made-up request by a version, or by documents that are none yet',
        body: SimulateBody,
        response: { 200: Simulated },
      },
    },
    async ({ body }): Promise<Static<typeof Simulated>> => {
      checkCandidate(body);
      const problems = contradictionsOf(body.request);
      if (problems.length > 0) {
        throw badFields(problems.map((one) => ({ ...one, field: `/request${one.field}` })));
      }
      const candidate = await read(database, (db) => candidateOf(db, policies, body));
      if (candidate === null) throw notFound();
      const { version } = candidate;
      const made = simulate(candidate.policies, body.request, context.clock());
      if (made.kind === 'refused') {
        const { problem } = made;
        return { version, outcome: 'refused', problem, decision: null, trace: [], facts: null };
      }
      const { decision, trace, facts } = made;
      const { outcome } = decision;
      return {
        version,
        outcome,
        problem: null,
        decision: { ...decision },
        trace: [...trace],
        facts,
      };
    },
  );
  app.post(
    '/v1/policy::replay',
    {
      config: { permission: 'read' },
      bodyLimit: configurationBytesMax,
      schema: {
        tags,
        summary: 'Decide recorded requests again, and tell who gains and who loses',
        description:
          'Newest first, within a bound of records and time; `complete` tells whether that was all.',
        body: ReplayBody,
        response: { 200: Replayed },
      },
    },
    async ({ body }) => slots.run(() => replayFor(context, body)),
  );
  shadowRoutes(app, context);
}

const atOnceMax = 2;
const windowDefaultMs = 24 * 3_600_000;
const limitDefault = 10_000;
const timeMsMax = 20_000;

async function replayFor(
  { database, policies, clock }: AdminContext,
  body: Static<typeof ReplayBody>,
): Promise<Static<typeof Replayed>> {
  checkCandidate(body);
  const untilMs = body.until === undefined ? clock() : instantAt(body.until, '/until');
  const sinceMs =
    body.since === undefined ? untilMs - windowDefaultMs : instantAt(body.since, '/since');
  if (sinceMs > untilMs) throw contradiction('/since', 'must not be after `until`');
  const stopAtMs = performance.now() + timeMsMax;
  return read(database, async (db) => {
    const candidate = await candidateOf(db, policies, body);
    const against = body.against === undefined ? {} : { version: body.against };
    const live = await candidateOf(db, policies, against);
    if (candidate === null || live === null || live.version === null) throw notFound();
    const { route, limit = limitDefault } = body;
    const window = { sinceMs, untilMs, ...(route === undefined ? {} : { route }) };
    const made = await replay(db, {
      live: live.policies,
      candidate: candidate.policies,
      window,
      limit,
      stopAtMs,
    });
    const { differences, ...counts } = made;
    const recorded = new Set(live.policies.headerNames);
    return {
      candidate: candidate.version,
      against: live.version,
      since: isoOf(Math.max(0, sinceMs)),
      until: isoOf(untilMs),
      ...counts,
      same: differences.same,
      complete: made.stopped === null,
      headersNotRecorded: candidate.policies.headerNames.filter((name) => !recorded.has(name)),
      ...differences.present(),
    };
  });
}

/** A version or documents, not both. */
function checkCandidate({ version, yaml, documents, prune }: GivenCandidate): void {
  if (yaml !== undefined && documents !== undefined) {
    throw contradiction('/yaml', 'give either `documents` or `yaml`');
  }
  if (version !== undefined && (yaml ?? documents) !== undefined) {
    throw contradiction('/version', 'give either a version or documents');
  }
  if (prune !== undefined && yaml === undefined && documents === undefined) {
    throw badField('/prune', 'goes with `documents` or `yaml`');
  }
}
