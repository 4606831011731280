import { liveVersion } from '../../store/configuration.ts';
import type { AdminApp, AdminContext } from '../context.ts';
import { principalOf } from '../http/authenticate.ts';
import { runWrite } from '../http/write.ts';
import { versionParams } from './reading-routes.ts';
import { approve, reject } from './review.ts';
import { NewReview, presentVersion, Reviewed } from './schemas.ts';

const tags = ['configuration'];

const verdicts = [
  {
    verb: 'approve',
    review: approve,
    summary: 'Approve a version that somebody else made',
    description: 'A proposed version is released to every edge; a candidate may be rolled out.',
  },
  {
    verb: 'reject',
    review: reject,
    summary: 'Reject a version that has no effect yet',
    description: 'A proposed version or a candidate. It stays to be seen.',
  },
] as const;

/** What people say of a version that another made. */
export function reviewRoutes(app: AdminApp, context: AdminContext): void {
  for (const { verb, review, summary, description } of verdicts) {
    app.post(
      `/v1/config/versions/:version/${verb}`,
      {
        config: { permission: 'configuration:approve' },
        schema: {
          tags,
          summary,
          description,
          params: versionParams,
          body: NewReview,
          response: { 200: Reviewed },
        },
      },
      async (request, reply) => {
        const version = Number(request.params.version);
        const { comment = '' } = request.body;
        const { body } = await runWrite(context, request, reply, {
          action: { verb, resource: 'configuration', resourceId: String(version) },
          body: async (tx) => {
            const row = await review(tx, version, principalOf(request), comment);
            return presentVersion(row, await liveVersion(tx.db));
          },
          answer: (row, positions) => ({
            status: 200,
            body: { version: row, position: positions.config ?? null },
          }),
        });
        return body;
      },
    );
  }
}
