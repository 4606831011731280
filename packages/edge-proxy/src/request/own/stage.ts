import { hostKnown } from '@sallyport/policy';
import type { Answer, Located } from '../exchange.ts';
import { ownPrefix } from '../origins.ts';
import { callbackPath, callbackPrefix, ownPaths } from './addresses.ts';
import { createCallback } from './callback.ts';
import { createHandOver } from './hand-over.ts';
import { createJwks } from './jwks.ts';
import { createMe } from './me.ts';
import type { Endpoint, OwnNeeds } from './needs.ts';
import { createSignIn } from './sign-in.ts';
import { createSignOut } from './sign-out.ts';

interface Row {
  /** Where it is: on the sign-in host alone, or on every protected host. */
  readonly on: 'sign_in_host' | 'every_host';
  readonly methods: readonly string[];
  readonly answer: Endpoint;
  /** Answered from memory, or not to be kept from anybody: not counted by the limit. */
  readonly unlimited?: true;
}

/**
 * Answers requests for our own endpoints: exact host, exact path (abuse row 64). Everything under
 * their prefix is ours, so what is not in the table is nothing; the rest passes through. `limit`:
 * answers where too many come from one address.
 */
export function createOwn(
  needs: OwnNeeds,
  limit: (value: Located) => Answer | null,
): (value: Located) => Located | Answer | Promise<Answer> {
  const callback: Row = {
    on: 'sign_in_host',
    methods: ['GET'],
    answer: createCallback(needs),
  };
  const rows: ReadonlyMap<string, Row> = new Map<string, Row>([
    [ownPaths.signIn, { on: 'sign_in_host', methods: ['GET'], answer: createSignIn(needs) }],
    [ownPaths.handOver, { on: 'every_host', methods: ['GET'], answer: createHandOver(needs) }],
    [
      ownPaths.signOut,
      {
        on: 'every_host',
        methods: ['GET', 'HEAD', 'POST'],
        answer: createSignOut(needs),
        unlimited: true,
      },
    ],
    [ownPaths.me, { on: 'every_host', methods: ['GET', 'HEAD', 'POST'], answer: createMe(needs) }],
    [
      ownPaths.jwks,
      {
        on: 'every_host',
        methods: ['GET', 'HEAD'],
        answer: createJwks(needs),
        unlimited: true,
      },
    ],
  ]);

  function rowOf({ path, bundle }: Located): Row | undefined {
    if (!path.startsWith(callbackPrefix)) return rows.get(path);
    const provider = path.slice(callbackPrefix.length);
    const exact = bundle.identityProviders.has(provider) && callbackPath(provider) === path;
    return exact ? callback : undefined;
  }

  return (value) => {
    const { path, bundle, head } = value;
    if (!path.startsWith(ownPrefix)) return value;
    const onSignInHost = head.host === bundle.settings.signInHost;
    // A host that nobody protects is no different from one that does not exist.
    if (!onSignInHost && !hostKnown(bundle.policy, head.host)) return value;
    value.own = true;
    // Their answers are for browsers; a front proxy hands such requests on instead of asking.
    if (value.client.permit !== undefined) return { kind: 'notice', code: 'not_found' };
    const row = rowOf(value);
    if (row === undefined || (row.on === 'sign_in_host' && !onSignInHost)) {
      return { kind: 'notice', code: 'not_found' };
    }
    if (head.webSocketKey !== null) return { kind: 'refused', code: 'upgrade_invalid' };
    if (!row.methods.includes(head.method)) {
      const code = row.methods.includes('POST') ? 'get_or_post_only' : 'get_only';
      return { kind: 'notice', code };
    }
    return (row.unlimited === true ? null : limit(value)) ?? row.answer(value);
  };
}
