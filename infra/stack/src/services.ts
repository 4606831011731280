import { join } from 'node:path';
import { identityProviderName, signInHost } from './people.ts';
import type { StackPki } from './pki.ts';
import { clientId, clientSecret } from './provision.ts';
import type { Running } from './running.ts';
import type { EdgeDescription } from './stack.ts';
import type { Trust } from './upstream/identity.ts';

export interface IdentityProvider {
  readonly issuer: string;
  readonly pid: number;
  /** Registers the callback of every edge; until then it answers nothing. */
  serve(edges: readonly Pick<EdgeDescription, 'port'>[]): Promise<void>;
}

/** Starts the identity provider. */
export async function startIdentityProvider(
  running: Running,
  { idp }: StackPki,
): Promise<IdentityProvider> {
  const started = running.start({
    name: 'idp',
    entry: join(import.meta.dirname, 'idp', 'main.ts'),
    args: [idp.cert, idp.key],
  });
  const { issuer } = await started.ready;
  return {
    issuer: String(issuer),
    pid: started.pid,
    serve: (edges) =>
      started.ask({
        clientId,
        clientSecret,
        redirectUris: edges.map(
          ({ port }) =>
            `https://${signInHost}:${port}/.well-known/sallyport/callback/${identityProviderName}`,
        ),
      }),
  };
}

export interface Upstream {
  readonly url: string;
  readonly pid: number;
  /** Says whose assertions to believe; until then it knows nobody. */
  believe(trust: Trust): Promise<void>;
}

/** Starts the demo application. */
export async function startUpstream(
  running: Running,
  { upstream }: StackPki,
  edgeAuthority: string,
): Promise<Upstream> {
  const started = running.start({
    name: 'upstream',
    entry: join(import.meta.dirname, 'upstream', 'main.ts'),
    args: [upstream.cert, upstream.key, edgeAuthority],
  });
  const { url } = await started.ready;
  return { url: String(url), pid: started.pid, believe: (trust) => started.ask(trust) };
}
