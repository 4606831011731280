import { durationMs } from '@sallyport/policy';
import type { SettingsDocument } from '@sallyport/shared/configuration/documents';
import {
  defaultListener,
  defaultTlsPolicy,
  type ListenerSettings,
  type SlowClientLimits,
} from '../current.ts';
import { TlsPolicyTable } from './tls-policy-table.ts';

type Listener = NonNullable<SettingsDocument['spec']['listener']>;

/** What the settings say of the public listener, with defaults filled in. */
export function listenerSettings({
  tlsPolicies = [],
  connections,
  slowClients = {},
  http2 = defaultListener.http2,
}: Listener): ListenerSettings {
  return {
    tlsPolicies: tlsPolicies.length === 0 ? defaultListener.tlsPolicies : tableOf(tlsPolicies),
    connections: { ...defaultListener.connections, ...connections },
    slowClients: slowClientLimits(slowClients),
    http2,
  };
}

function slowClientLimits({
  bodyIdle,
  bodyBytesPerSecond,
  responseIdle,
}: NonNullable<Listener['slowClients']>): SlowClientLimits {
  const usual = defaultListener.slowClients;
  return {
    bodyIdleMs: durationMs(bodyIdle ?? '') ?? usual.bodyIdleMs,
    bodyBytesPerSecond: bodyBytesPerSecond ?? usual.bodyBytesPerSecond,
    responseIdleMs: durationMs(responseIdle ?? '') ?? usual.responseIdleMs,
  };
}

function tableOf(written: NonNullable<Listener['tlsPolicies']>): TlsPolicyTable {
  return new TlsPolicyTable(
    written.map(({ hosts, ...policy }) => ({
      hosts,
      policy: { ...defaultTlsPolicy, ...policy },
    })),
  );
}
