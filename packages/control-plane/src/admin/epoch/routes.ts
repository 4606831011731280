import { lanes } from '@sallyport/shared/state/model';
import { Type } from 'typebox';
import { raiseEpochIn } from '../../store/epoch.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { closed, label } from '../http/schemas.ts';
import { runWrite } from '../http/write.ts';

const Order = Type.Object({ reason: label(512) }, closed);
const Raised = Type.Object({
  epoch: Type.Integer({ description: 'Of all lanes, from now on.' }),
});

/** /v1/epoch: to be raised where the database may have lost the end of its history */
export function epochRoutes(app: AdminApp, context: AdminContext): void {
  app.post(
    '/v1/epoch::raise',
    {
      config: { permission: 'epoch:write', urgent: true },
      schema: {
        tags: ['epoch'],
        summary: 'Declare that the database was restored',
        description:
          `The lanes (${lanes.join(', ')}) go on in a new epoch, so that no edge takes new ` +
          'revisions for those it knows from before. Everybody signs in again; blocks that edges ' +
          'still know are adopted.',
        body: Order,
        response: { 200: Raised },
      },
    },
    async (request, reply) => {
      const { body } = await runWrite(context, request, reply, {
        action: { verb: 'raise', resource: 'epoch' },
        body: (tx) => raiseEpochIn(tx, { reason: request.body.reason }),
        answer: ({ epoch }) => ({ status: 200, body: { epoch } }),
      });
      return body;
    },
  );
}
