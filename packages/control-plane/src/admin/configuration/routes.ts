import { documentDiffs } from '@sallyport/shared/configuration/diff';
import type { Position } from '@sallyport/shared/state/model';
import type { Static } from 'typebox';
import { readDocumentsOf } from '../../store/configuration.ts';
import { read } from '../../store/database.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { principalOf } from '../http/authenticate.ts';
import { configurationBytesMax } from '../http/body.ts';
import { runWrite } from '../http/write.ts';
import { examine, prepareChange, prepareReturn, withPrepared } from './measure.ts';
import type { SetChange } from './next-set.ts';
import { approvalReasons, type NewVersion, type Published, publish, stateOf } from './publish.ts';
import { readChange } from './read-change.ts';
import { readingRoutes } from './reading-routes.ts';
import { reviewRoutes } from './review-routes.ts';
import { goBack } from './rollback.ts';
import { Applied, NewConfiguration, presentAffected, Return } from './schemas.ts';
import { requireWebhookKeys } from './webhook-keys.ts';

const tags = ['configuration'];

/** /v1/config: written as a set, applied whole */
export function configurationRoutes(app: AdminApp, context: AdminContext): void {
  readingRoutes(app, context);
  reviewRoutes(app, context);
  applyRoute(app, context);
  rollbackRoute(app, context);
}

function applyRoute(app: AdminApp, context: AdminContext): void {
  app.post(
    '/v1/config::apply',
    {
      config: { permission: 'configuration:write' },
      bodyLimit: configurationBytesMax,
      schema: {
        tags,
        summary: 'Apply documents as one new version',
        description: 'Whole or not at all. 200: nothing changed, or a dry run.',
        body: NewConfiguration,
        response: { 200: Applied, 201: Applied },
      },
    },
    async (request, reply) => {
      const change = readChange(request.body);
      const { message = '', mode = 'release', confirm = false } = request.body;
      if (request.body.dryRun === true) {
        return reply.code(200).send(await dryRun(context, change, mode));
      }
      const wanted = {
        change,
        author: principalOf(request),
        message,
        mode,
        confirm,
        restores: null,
        unconditional: false,
      };
      const { status, body } = await withPrepared(
        async () => (mode === 'release' ? prepareChange(context, change) : null),
        (prepared) =>
          runWrite(context, request, reply, {
            action: { verb: 'apply', resource: 'configuration' },
            async body(tx) {
              const published = await publish(tx, wanted, prepared);
              const documents = await readDocumentsOf(tx.db, published.version);
              await requireWebhookKeys(tx.db, context.sealKey, documents);
              return published;
            },
            answer: answerOf,
          }),
      );
      return reply.code(status === 201 ? 201 : 200).send(body);
    },
  );
}

function rollbackRoute(app: AdminApp, context: AdminContext): void {
  app.post(
    '/v1/config::rollback',
    {
      config: { permission: 'configuration:write' },
      schema: {
        tags,
        summary: 'Go back to an earlier version, on every edge at once',
        description:
          'Makes a new version that is equal to the old one, and ends a rollout under way. 200: ' +
          'it is live already.',
        body: Return,
        response: { 200: Applied, 201: Applied },
      },
    },
    async (request, reply) => {
      const { toVersion, message = '', confirm = false } = request.body;
      const wanted = { toVersion, author: principalOf(request), message, confirm };
      const { status, body } = await withPrepared(
        () => prepareReturn(context, toVersion),
        (prepared) =>
          runWrite(context, request, reply, {
            action: { verb: 'roll_back', resource: 'configuration' },
            body: (tx) => goBack(tx, wanted, prepared),
            answer: answerOf,
          }),
      );
      return reply.code(status === 201 ? 201 : 200).send(body);
    },
  );
}

function answerOf(published: Published, positions: { readonly config?: Position }) {
  const { version, state, changes, needsApproval, affected } = published;
  const body: Static<typeof Applied> = {
    version,
    state,
    changed: changes.map((change) => ({ ...change })),
    needsApproval: [...needsApproval],
    affected: presentAffected(affected),
    diff: null,
    position: positions.config ?? null,
    dryRun: false,
  };
  return { status: changes.length === 0 ? 200 : 201, body };
}

/** What would come of it, if somebody confirmed what has to be confirmed. */
async function dryRun(
  context: AdminContext,
  change: SetChange,
  mode: NewVersion['mode'],
): Promise<Static<typeof Applied>> {
  const { checked, prepared, next } = await examine(context, change, 'always');
  await read(context.database, (db) => requireWebhookKeys(db, context.sealKey, checked.documents));
  const { live, liveDocuments, documents, changes } = checked;
  const nothing = changes.length === 0;
  const needsApproval =
    nothing || mode === 'candidate' ? [] : approvalReasons(checked, prepared.affected);
  return {
    version: nothing ? (live ?? 0) : next,
    state: nothing ? 'released' : stateOf(mode, needsApproval),
    changed: changes.map((one) => ({ ...one })),
    needsApproval,
    affected: presentAffected(prepared.affected),
    diff: documentDiffs(liveDocuments, documents).map((diff) => ({ ...diff })),
    position: null,
    dryRun: true,
  };
}
