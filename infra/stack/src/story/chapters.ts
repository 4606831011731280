import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { verifyAssertion } from '@sallyport/shared/assertion/verify';
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { type Answer, Browser } from '../client/browser.ts';
import { signInHost, trustDomain } from '../people.ts';
import type { Cast, Chapter, Outcome } from './story.ts';

const effectMsMax = 5_000;
const json = { accept: 'application/json' };

/** The story, in order. */
export const chapters: readonly Chapter[] = [
  { title: 'No session', play: redirectsToSignIn },
  { title: 'Sign-in by the provider’s form', play: signsIn },
  { title: 'Right device and user', play: showsIdentity },
  { title: 'The same cookie from another device', play: refusesOtherDevice },
  { title: 'No device certificate', play: refusesNoDevice },
  { title: 'A policy change takes effect', play: policyTakesEffect },
  { title: 'Public keys alone verify the assertion', play: assertionVerifies },
  { title: 'A global revoke cuts an open WebSocket', play: revokeCuts },
];

function at({ edge, stack }: Cast, path: string, host: string = stack.hosts.wiki): URL {
  return new URL(path, `https://${host}:${edge.port}`);
}

async function redirectsToSignIn(cast: Cast): Promise<Outcome> {
  const answer = await cast.browser.ask(at(cast, '/'), { follow: false });
  const location = new URL(String(answer.headers['location']), answer.url);
  return {
    sent: `GET ${cast.stack.hosts.wiki}/`,
    came: `${answer.status} to ${location.hostname}`,
    right: answer.status === 302 && location.hostname === signInHost,
  };
}

async function signsIn(cast: Cast): Promise<Outcome> {
  const answer = await cast.browser.signIn(at(cast, '/'), cast.alice);
  const names = answer.via.map(({ hostname }) => hostname);
  const stations = names.filter((name, index) => name !== names[index - 1]);
  return {
    sent: `${cast.alice.email} and her password to ${new URL(cast.stack.idp.issuer).hostname}`,
    came: `${answer.status} by way of ${stations.slice(1, -1).join(', ')}`,
    right: answer.status === 200 && answer.url.hostname === cast.stack.hosts.wiki,
  };
}

interface Seen {
  readonly identity: { readonly email: string; readonly device: string } | null;
}

async function showsIdentity(cast: Cast): Promise<Outcome> {
  const answer = await cast.browser.ask(at(cast, '/start'), { headers: json });
  const { identity } = read<Seen>(answer);
  return {
    sent: `GET ${cast.stack.hosts.wiki}/start`,
    came: `${answer.status}: ${identity?.email ?? 'nobody'} on ${identity?.device ?? 'nothing'}`,
    right:
      answer.status === 200 &&
      identity?.email === cast.alice.email &&
      identity.device === cast.alice.device.id,
  };
}

async function refusesOtherDevice(cast: Cast): Promise<Outcome> {
  const thief = await Browser.open(cast.stack, cast.carol.device, cast.browser.jar.copy());
  const answer = await thief.ask(at(cast, '/'), { headers: json });
  await thief.close();
  return refusal(`GET ${cast.stack.hosts.wiki}/`, answer, 'session_other_device');
}

async function refusesNoDevice(cast: Cast): Promise<Outcome> {
  const bare = await Browser.open(cast.stack, null, cast.browser.jar.copy());
  const answer = await bare.ask(at(cast, '/'), { headers: json });
  await bare.close();
  return refusal(`GET ${cast.stack.hosts.wiki}/`, answer, 'device_certificate_missing');
}

function refusal(sent: string, answer: Answer, code: string): Outcome {
  const reason = read<{ readonly code?: string }>(answer).code ?? 'no reason';
  return {
    sent,
    came: `${answer.status} ${reason}`,
    right: answer.status === 403 && reason === code,
  };
}

interface Document {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

async function policyTakesEffect(cast: Cast): Promise<Outcome> {
  const { documents } = await cast.api.get<{ readonly documents: readonly Document[] }>(
    '/v1/config',
  );
  const policy = documents.find(
    ({ kind, metadata }) => kind === 'Policy' && metadata.name === 'staff-on-known-devices',
  );
  if (policy === undefined) throw new Error('the demo policy is not there');
  const deny = [{ name: 'no-drafts', paths: ['/drafts/**'] }];
  const apply = (spec: Document['spec']): Promise<unknown> =>
    cast.api.post('/v1/config:apply', { documents: [{ ...policy, spec }] });

  const before = await cast.browser.ask(at(cast, '/drafts/plan'), { headers: json });
  const changedAt = performance.now();
  await apply({ ...policy.spec, deny });
  const during = await until(cast, '/drafts/plan', 403);
  const took = Math.round(performance.now() - changedAt);
  await apply(policy.spec);
  const after = await until(cast, '/drafts/plan', 200);
  return {
    sent: 'GET /drafts/plan before, under and after a rule that closes /drafts',
    came: `${before.status}, ${during.status} (${took} ms after sending the rule), ${after.status}`,
    right: before.status === 200 && during.status === 403 && after.status === 200,
  };
}

/**
 * Asks until the status is there, or for so long that it will not come. A request that is under way
 * while its permission goes is cut, which is right: ask again.
 */
async function until(cast: Cast, path: string, status: number): Promise<Answer> {
  const giveUpAt = performance.now() + effectMsMax;
  for (;;) {
    const asked = cast.browser.ask(at(cast, path), { headers: json });
    const answer = await asked.catch((error: unknown) => {
      if (performance.now() > giveUpAt) throw error;
      return null;
    });
    if (answer !== null && (answer.status === status || performance.now() > giveUpAt)) {
      return answer;
    }
    await sleep(5);
  }
}

async function assertionVerifies(cast: Cast): Promise<Outcome> {
  const shown = await cast.browser.ask(at(cast, '/headers'), { headers: json });
  const { headers } = read<{ readonly headers: Readonly<Record<string, string>> }>(shown);
  const anybody = await Browser.open(cast.stack, null);
  const keys = await anybody.ask(at(cast, '/.well-known/sallyport/jwks.json'), { headers: json });
  await anybody.close();
  const set = read<JSONWebKeySet>(keys);
  const verified = await verifyAssertion(
    headers['sallyport-assertion'] ?? '',
    createLocalJWKSet(set),
    { issuer: `https://${trustDomain}`, audience: `https://${cast.stack.hosts.wiki}` },
  );
  return {
    sent: 'GET /.well-known/sallyport/jwks.json as nobody',
    came: `${keys.status}, ${set.keys.length} keys; the assertion ${
      verified.ok ? `says ${verified.claims.email}` : `is ${verified.problem}`
    }`,
    right: verified.ok && verified.claims.email === cast.alice.email,
  };
}

interface Revoked {
  readonly enforced: boolean;
  readonly receipts: readonly {
    readonly region: string;
    readonly status: string;
    readonly tookMs: number | null;
  }[];
}

async function revokeCuts(cast: Cast): Promise<Outcome> {
  const socket = cast.browser.webSocket(at(cast, '/ws'));
  socket.on('error', () => {});
  await once(socket, 'message', { signal: AbortSignal.timeout(effectMsMax) });
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(effectMsMax) });
  const { status, body } = await cast.api.post<Revoked>('/v1/revocations?wait=enforced', {
    target: { kind: 'everyone' },
    reason: 'The end of the story',
  });
  const [code] = (await closed) as [number];
  const again = await cast.browser.ask(at(cast, '/'), { follow: false });
  const receipts = body.receipts.map(
    ({ region, status: how, tookMs }) => `${region} ${how} in ${tookMs?.toFixed(1) ?? '?'} ms`,
  );
  return {
    sent: 'POST /v1/revocations for everyone',
    came: `${status}, ${receipts.join(', ')}, WebSocket closed with ${code}, next GET ${again.status}`,
    right:
      status === 201 &&
      body.enforced &&
      body.receipts.length === cast.stack.edges.length &&
      again.status === 302,
  };
}

function read<T>(answer: Answer): T {
  try {
    return JSON.parse(answer.text) as T;
  } catch {
    throw new Error(
      `${answer.status} from ${answer.url.href} is not JSON: ${answer.text.slice(0, 200)}`,
    );
  }
}
