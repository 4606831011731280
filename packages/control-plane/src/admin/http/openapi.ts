import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import { problemMediaType } from '@sallyport/shared/errors';
import type { FastifySchema, RouteOptions } from 'fastify';
import { Type } from 'typebox';
import { permissions } from './permissions.ts';
import { closed } from './schemas.ts';

/** The OpenAPI document is made of the schemas that validate requests. */
export const openApiOptions: FastifyDynamicSwaggerOptions = {
  openapi: {
    openapi: '3.1.0',
    info: {
      title: 'Sallyport admin API',
      version: '1',
      description:
        'Lists are paged by cursor. Errors are RFC 9457 problem documents; `errors[].field` is a ' +
        'JSON pointer into the body, or `?name` for the query. Unknown fields are refused.',
    },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
    security: [{ token: [] }],
  },
};

const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  code: Type.String({ description: 'Stable; docs/errors.md lists them.' }),
  correlationId: Type.String(),
  errors: Type.Optional(Type.Array(Type.Object({ field: Type.String(), message: Type.String() }))),
});

const nothing = Type.Object({}, closed);

const writeHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      pattern: String.raw`^[\x21-\x7e]{1,255}$`,
      description:
        'A repeat with the same key gets the same answer and writes nothing. Kept for 24 hours.',
    }),
  ),
});

/**
 * What holds for every route, so that no route can forget it: a query that is not described is
 * refused, writes take an idempotency key, errors are problem documents, and the roles are told.
 */
export function completeSchema(route: RouteOptions): FastifySchema {
  const schema: FastifySchema & { readonly hide?: boolean } = route.schema ?? {};
  const { permission } = route.config ?? {};
  const roles = permission === undefined ? null : permissions[permission];
  const response = (schema.response ?? {}) as Record<string, unknown>;
  return {
    ...schema,
    querystring: schema.querystring ?? nothing,
    ...(route.method === 'GET' ? {} : { headers: writeHeaders }),
    ...(roles === null ? { security: [] } : { 'x-roles': roles }),
    response: {
      ...response,
      default: {
        description: 'Something is wrong, and what.',
        content: { [problemMediaType]: { schema: Problem } },
      },
    },
  };
}
