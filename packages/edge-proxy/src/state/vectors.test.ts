import { decide, type Facts, type PolicySet } from '@sallyport/policy';
import { runVector, vectors } from '@sallyport/policy/vectors';
import { opsToBytes } from '@sallyport/proto';
import { encodeBundle } from '@sallyport/shared/configuration/bundle';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { createLog } from '@sallyport/shared/log';
import type { Egress } from '@sallyport/shared/network/egress';
import { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';
import { afterAll, describe, expect, it } from 'vitest';
import { createLocalState } from '../testing/local-state.ts';
import {
  bundleOf,
  createRootKey,
  sampleAssertionKey,
  sampleCredentials,
  sampleDocuments,
} from '../testing/sample-state.ts';
import { Distributor } from '../worker/distributor.ts';
import { ConfigStore } from './2-store/config-store.ts';
import { noDisk } from './2-store/edge-state.ts';
import { taken } from './2-store/lane-store.ts';
import { BundleChecker, checkBundles } from './3-index/check-bundles.ts';
import type { LiveBundle } from './current.ts';

const apiVersion = 'sallyport.dev/v1';
const [settings, provider] = sampleDocuments();

const checker = new BundleChecker();
afterAll(() => checker.close());

/** The documents that an administrator would have written for a policy set. */
function documentsOf(set: PolicySet): ConfigurationDocument[] {
  if (settings?.kind !== 'Settings' || provider === undefined) throw new Error('no settings');
  const spec = {
    ...settings.spec,
    policies: [...set.globalPolicies],
    ...(set.staleness === undefined ? {} : { staleness: set.staleness }),
    network: { egress: waysOut(set) },
    // Where no host of the vectors is, and no star of theirs.
    signIn: { ...settings.spec.signIn, host: 'signin.elsewhere.test' },
  };
  const documents: unknown[] = [
    { ...settings, spec },
    provider,
    ...set.routes.map(({ name, matches, policies, staleness, monitor }) => ({
      apiVersion,
      kind: 'Route',
      metadata: { name },
      spec: {
        match: matches.map(({ host, path, methods }) => ({
          host,
          path,
          ...(methods === null ? {} : { methods }),
        })),
        policies,
        audience: `https://${name}`,
        upstream: { url: 'https://upstream.corp.test' },
        ...(staleness === undefined ? {} : { staleness }),
        ...(monitor === undefined ? {} : { monitor }),
      },
    })),
    ...(set.services ?? []).map(({ name, devices }) => ({
      apiVersion,
      kind: 'ServiceIdentity',
      metadata: { name },
      spec: { devices: devices.map(realId) },
    })),
    ...set.policies.map(({ name, allow, deny, stepUp, conditions }) => ({
      apiVersion,
      kind: 'Policy',
      metadata: { name },
      spec: { allow, deny, stepUp, ...(conditions === undefined ? {} : { conditions }) },
    })),
  ];
  return documents as ConfigurationDocument[];
}

/** The ways out that the set's conditions name, each with a network of its own. */
function waysOut({ policies }: PolicySet): Egress[] {
  const rules = policies.flatMap((one) => [...one.allow, ...one.deny, ...one.stepUp]);
  const names = [...new Set(rules.flatMap(({ egress }) => egress ?? []))];
  return names.map((name, at) => ({ name, kind: 'vpn', networks: [`192.0.2.${at}/32`] }));
}

/** Documents name devices by real ids; those of the vectors are short. */
function realId(id: string): string {
  return `dev_${Buffer.from(id).toString('hex').padStart(26, '0')}`;
}

/** The facts with the ids that the documents have. */
function withRealIds(set: PolicySet, facts: Facts): Facts {
  const ids = (set.services ?? []).flatMap(({ devices }) => devices);
  const text = ids.reduce(
    (json, id) => json.replaceAll(JSON.stringify(id), JSON.stringify(realId(id))),
    JSON.stringify(facts),
  );
  return ids.length === 0 ? facts : (JSON.parse(text) as Facts);
}

/** The same set as an edge has it: encoded, framed, admitted, applied and compiled by a worker. */
async function received(set: PolicySet): Promise<LiveBundle> {
  const { state: worker } = createLocalState({
    edgeId: 'edg_1',
    labels: {},
    credentials: sampleCredentials([sampleAssertionKey()]),
  });
  const distributor = new Distributor(
    1,
    (message) => worker.apply(message),
    () => undefined,
  );
  const store = new ConfigStore({
    rows: new KeyedRows(),
    keys: { isWithdrawn: () => false, withdraw: () => undefined },
    distributor,
    disk: noDisk,
    rootPublicKey: createRootKey().publicKey,
    onSecrets: () => undefined,
    check: (bundles) => checker.check(bundles),
    recheck: checkBundles,
    log: createLog('error'),
  });
  const body = opsToBytes([
    bundleOf(set.version, encodeBundle(documentsOf(set))),
    { op: 'release', ring: 'default', version: set.version, shadowVersion: null },
  ]);
  const position = { lane: 'config', epoch: 1, prevRev: 0, rev: 1 } as const;
  const frame = { ...position, body, keyId: '', signature: new Uint8Array() };
  expect(await store.apply(frame, { path: 'grpc', arrivedAtMs: 0 })).toEqual(taken);
  const bundle = worker.current.bundle();
  if (bundle === null) throw new Error('nothing is released');
  return bundle;
}

const sets = [...new Set(vectors.map(({ policySet }) => policySet))];
const bundles = new Map<PolicySet, LiveBundle>();
for (const set of sets) bundles.set(set, await received(set));

describe('the configuration as an edge receives it', () => {
  it.each(vectors.map((vector) => [vector.title, vector] as const))('%s', (_title, vector) => {
    const differences = runVector(vector, (set, facts) => {
      const bundle = bundles.get(set);
      if (bundle === undefined) throw new Error('a set without a bundle');
      return decide(bundle.policy, withRealIds(set, facts));
    });
    expect(differences).toEqual([]);
  });
});
