import type { ServerResponse } from 'node:http';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { type Static, Type } from 'typebox';
import {
  decisionsAfter,
  decisionsBefore,
  type DecisionPage as Page,
} from '../../audit/decisions.ts';
import { readInTurn } from '../../audit/read-in-turn.ts';
import { type Summary, summarise } from '../../audit/summary.ts';
import { TailWaiters } from '../../audit/tail-waiters.ts';
import { explainRecord } from '../../simulate/explain.ts';
import { Slots } from '../../simulate/slots.ts';
import { type AccessRecordRow, findRecord } from '../../store/access-records.ts';
import { read } from '../../store/database.ts';
import type { Grouping } from '../../store/records/count-records.ts';
import type { RecordFilter } from '../../store/records/filter.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { principalOf } from '../http/authenticate.ts';
import { limitDefault, readCursor, writeCursor } from '../http/paging.ts';
import { conflict, contradiction, notFound } from '../http/problems.ts';
import { isoOf, isoOrNull } from '../http/schemas.ts';
import { filterOf } from './filter.ts';
import {
  DecisionPage,
  DecisionRecord,
  decisionQuery,
  ExplanationBody,
  SummaryBody,
  summaryQuery,
} from './schemas.ts';

const tags = ['decisions'];
const params = Type.Object({ correlationId: Type.String({ pattern: '^[A-Za-z0-9_-]{1,128}$' }) });

/** Each may take seconds of the database's time. */
const summaries = new Slots(2);
const lists = new Slots(32);
const summaryDefaultMs = 86_400_000;

/** /v1/decisions: what edges decided, and why */
export function decisionRoutes(app: AdminApp, context: AdminContext): void {
  const { database, policies } = context;
  const waiters = new TailWaiters(database);
  app.addHook('preClose', async () => waiters.close());
  app.get(
    '/v1/decisions',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'List decisions, newest first, or follow them with `tail`',
        querystring: decisionQuery,
        response: { 200: DecisionPage },
      },
    },
    async (request, reply) => {
      const { cursor, tail, wait, limit = limitDefault, ...query } = request.query;
      const filter = filterOf(query);
      if (cursor !== undefined && tail !== undefined) {
        throw contradiction('?tail', 'goes without `cursor`');
      }
      if (wait !== undefined && tail === undefined) {
        throw contradiction('?wait', 'goes with `tail`');
      }
      if (tail === undefined) {
        const [before = null] = readCursor('decisions', cursor) ?? [];
        const page = await lists.run(() => decisionsBefore(database, filter, before, limit));
        return presentPage(page, 'decisions');
      }
      const [after = 0] = readCursor('tail', tail) ?? [];
      return presentPage(
        await follow(
          { who: principalOf(request).id, client: reply.raw },
          { filter, afterId: after, limit },
          (wait ?? 0) * 1_000,
        ),
        'tail',
      );
    },
  );
  /** Waits on while what comes in is not what was asked for. */
  const follow = async (
    { who, client }: { readonly who: string; readonly client: ServerResponse },
    asked: { readonly filter: RecordFilter; readonly afterId: number; readonly limit: number },
    waitMs: number,
  ): Promise<Page> => {
    const gone = new AbortController();
    client.once('close', () => gone.abort());
    const until = performance.now() + waitMs;
    const { filter, limit } = asked;
    for (let from = asked.afterId; ; ) {
      const page = await readInTurn(database, (db) => decisionsAfter(db, filter, from, limit));
      const leftMs = until - performance.now();
      const ended = page.rows.length > 0 || leftMs <= 0 || gone.signal.aborted || waiters.closed;
      if (ended) return page;
      from = page.tailId;
      await waiters.wait(who, from, leftMs, gone.signal);
    }
  };
  app.get(
    '/v1/decisions/summary',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'Count decisions by what they have in common, those of the last day by default',
        querystring: summaryQuery,
        response: { 200: SummaryBody },
      },
    },
    async (request) => {
      const { by, limit = limitDefault, ...query } = request.query;
      const fromMs = context.clock() - summaryDefaultMs;
      const filter = { fromMs: Math.max(0, fromMs), ...filterOf(query) };
      const summary = await summaries.run(() => summarise(database, by, filter, limit));
      return presentSummary(by, filter, summary);
    },
  );
  app.get(
    '/v1/decisions/:correlationId',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'Read the decision on one request',
        params,
        response: { 200: DecisionRecord },
      },
    },
    async (request) => {
      const row = await read(database, (db) => findRecord(db, request.params.correlationId));
      if (row === null) throw notFound();
      return presentRecord(row);
    },
  );
  app.get(
    '/v1/decisions/:correlationId/explanation',
    {
      config: { permission: 'read' },
      schema: {
        tags,
        summary: 'Decide again on what was known then, and show each step',
        params,
        response: { 200: ExplanationBody },
      },
    },
    async (request): Promise<ExplanationBody> =>
      read(database, async (db) => {
        const row = await findRecord(db, request.params.correlationId);
        if (row === null) throw notFound();
        const { record } = row;
        const explanation = await explainRecord(db, policies, record);
        if (explanation.kind === 'nothing_to_explain') {
          throw conflict('the request was answered without a decision');
        }
        if (explanation.kind === 'facts_unreadable') {
          throw conflict('nothing can be decided on what the edge recorded');
        }
        if (explanation.kind === 'facts_redacted') {
          throw conflict('what was decided on was redacted when it was recorded');
        }
        if (explanation.kind === 'version_unknown') {
          throw conflict('the configuration version that decided is not known here');
        }
        return {
          correlationId: row.correlationId,
          configVersion: record.configVersion ?? 0,
          agrees: explanation.differences.length === 0,
          differences: [...explanation.differences],
          recorded: presentVerdict(record),
          decision: { ...explanation.decision },
          trace: [...explanation.trace],
          facts: record.facts,
          // Records of older edges have no such member.
          shadow: (record.shadow as AccessRecord['shadow'] | undefined) ?? null,
        };
      }),
  );
}

function presentPage(page: Page, list: 'decisions' | 'tail'): Static<typeof DecisionPage> {
  return {
    items: page.rows.map(presentRecord),
    nextCursor: page.nextId === null ? null : writeCursor(list, page.nextId, ''),
    tailCursor: writeCursor('tail', page.tailId, ''),
  };
}

function presentSummary(
  by: Grouping,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs?: number },
  { rows, counted, more, cutAtMs }: Summary,
): Static<typeof SummaryBody> {
  const isTime = by === 'hour' || by === 'day';
  return {
    by,
    from: isoOf(fromMs),
    to: toMs === undefined ? null : isoOf(toMs),
    items: rows.map(({ key, label, count, denied, lastAtMs }) => ({
      key: isTime && key !== null ? isoOf(Number(key)) : key,
      label,
      count,
      denied,
      lastAt: isoOf(lastAtMs),
    })),
    counted,
    more,
    complete: cutAtMs === null,
    countedFrom: isoOrNull(cutAtMs),
  };
}

function presentVerdict({ outcome, route, reasons, ruleIds }: AccessRecord) {
  return { outcome, route, reasons: [...reasons], ruleIds: [...ruleIds] };
}

function presentRecord(row: AccessRecordRow): Static<typeof DecisionRecord> {
  return { ...row.record, receivedAt: isoOf(row.receivedAtMs) };
}
