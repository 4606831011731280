import type { AccessRecord } from '@sallyport/shared/access-record';
import { type Static, Type } from 'typebox';
import {
  decisionsAfter,
  decisionsBefore,
  type DecisionPage as Page,
} from '../../audit/decisions.ts';
import { explainRecord } from '../../simulate/explain.ts';
import { type AccessRecordRow, findRecord } from '../../store/access-records.ts';
import { read } from '../../store/database.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { limitDefault, readCursor, writeCursor } from '../http/paging.ts';
import { conflict, contradiction, notFound } from '../http/problems.ts';
import { isoOf } from '../http/schemas.ts';
import { DecisionPage, DecisionRecord, decisionQuery, ExplanationBody } from './schemas.ts';

const tags = ['decisions'];
const params = Type.Object({ correlationId: Type.String({ pattern: '^[A-Za-z0-9_-]{1,128}$' }) });

/** /v1/decisions: what edges decided, and why */
export function decisionRoutes(app: AdminApp, context: AdminContext): void {
  const { database, policies } = context;
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
    async (request) => {
      const { cursor, tail, limit = limitDefault, ...filter } = request.query;
      if (cursor !== undefined && tail !== undefined) {
        throw contradiction('?tail', 'goes without `cursor`');
      }
      if (tail === undefined) {
        const [before = null] = readCursor('decisions', cursor) ?? [];
        return presentPage(
          await read(database, (db) => decisionsBefore(db, filter, before, limit)),
          'decisions',
        );
      }
      const [after = 0] = readCursor('tail', tail) ?? [];
      return presentPage(
        await read(database, (db) => decisionsAfter(db, filter, after, limit)),
        'tail',
      );
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

function presentVerdict({ outcome, route, reasons, ruleIds }: AccessRecord) {
  return { outcome, route, reasons: [...reasons], ruleIds: [...ruleIds] };
}

function presentRecord(row: AccessRecordRow): Static<typeof DecisionRecord> {
  return { ...row.record, receivedAt: isoOf(row.receivedAtMs) };
}
