import { type Bus, connectBus } from '@sallyport/shared/bus/bus';
import type { BusCredentials } from '@sallyport/shared/bus/connection';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import { inspectCertificate } from '@sallyport/shared/pki/certificate';
import { type Authority, issueWithNewKey } from '@sallyport/shared/pki/issue';
import { Gauge, type Registry } from 'prom-client';
import type { NatsConfig } from './config.ts';

/** The bus rights of a control plane hang on this name (infra/nats). */
const commonName = 'sallyport-control-plane';
const lifetimeDays = 7;
const renewalCheckMs = 3_600_000;

/** Connects this replica to the bus. With no certificate of its own it issues itself one. */
export async function startBus(parts: {
  readonly nats: NatsConfig;
  /** Of edges: what the bus lets in. */
  readonly authority: Authority;
  readonly replica: string;
  readonly metrics: Registry;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<Bus> {
  const { nats, authority, replica, metrics, clock, log } = parts;
  const ca = nats.ca ?? authority.certificatePem;
  const issue = async (): Promise<BusCredentials> => {
    if (nats.client !== null) return { ca, ...nats.client };
    const { certificatePem, privateKeyPem } = await issueWithNewKey(authority, {
      commonName,
      usage: 'client',
      notBefore: new Date(clock() - 60_000),
      notAfter: new Date(clock() + lifetimeDays * 86_400_000),
    });
    return { ca, certificate: certificatePem, privateKey: privateKeyPem };
  };
  let credentials = await issue();
  const renewal = setInterval(() => {
    if (!isOld(credentials.certificate, clock())) return;
    issue().then(
      (renewed) => {
        credentials = renewed;
      },
      (error: unknown) => log.error('bus.certificate_not_renewed', { error }),
    );
  }, renewalCheckMs);
  renewal.unref();
  const bus = connectBus({
    servers: nats.servers,
    credentials: () => credentials,
    name: replica,
    log,
    onEvent: (event) => {
      if (event.kind === 'forbidden') log.error('bus.forbidden', event);
    },
  });
  new Gauge({
    name: 'sallyport_bus_connected',
    help: 'Whether the bus is connected',
    registers: [metrics],
    collect() {
      this.set(bus.connected() ? 1 : 0);
    },
  });
  return {
    ...bus,
    async close() {
      clearInterval(renewal);
      await bus.close();
    },
  };
}

/** Whether half of its life is over. */
function isOld(certificatePem: string, nowMs: number): boolean {
  const info = inspectCertificate(certificatePem);
  return info === null || nowMs > (info.notBeforeMs + info.notAfterMs) / 2;
}
