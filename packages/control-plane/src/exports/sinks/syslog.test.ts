import { parseNetwork } from '@sallyport/policy';
import { type Authority, createAuthority } from '@sallyport/shared/pki/issue';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportRow, exportRows, hostileTexts } from '../../testing/export-rows.ts';
import {
  parseMessage,
  type SyslogReceiver,
  syslogReceiver,
} from '../../testing/syslog-receiver.ts';
import { messageBytesMax, syslogMessage } from './rfc5424.ts';
import { createSyslogSink, type SyslogSinkOptions } from './syslog.ts';

const sender = { facility: 16, host: 'replica-1' };
const messageOf = (row: Parameters<typeof syslogMessage>[0], host = sender.host) =>
  parseMessage(Buffer.from(syslogMessage(row, { ...sender, host })));

describe('a syslog message', () => {
  it('has the fields of a row as structured data, and all of it as JSON', () => {
    const row = exportRow(7, { severity: 'warning' });
    expect(messageOf(row)).toMatchObject({
      priority: 16 * 8 + 4,
      timestamp: '2026-11-23T08:00:00.123Z',
      host: 'replica-1',
      app: 'sallyport',
      process: '-',
      id: 'access',
      parameters: { position: '7', outcome: 'permit', route: 'wiki' },
      text: JSON.stringify(row.value),
    });
  });

  it.each(hostileTexts)('keeps its form whatever text is in a row (%#)', (text) => {
    const row = exportRow(1, {
      fields: [
        ['path', text],
        ['after', 'x'],
      ],
      value: { position: 1, path: text },
    });
    const message = messageOf(row, `${text} host`);
    expect(message.bytes).toBeLessThanOrEqual(messageBytesMax);
    expect(message.parameters['after']).toBe('x');
    expect(message.parameters['path'] ?? '').not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    // ASCII, so that no byte order mark is asked for, and no control character at all.
    expect(message.text).toMatch(/^[\x20-\x7e]*$/);
    const value = JSON.parse(message.text) as { path: string; truncated?: boolean };
    if (value.truncated !== true) expect(value.path).toBe(text);
    expect(text.startsWith(value.path.slice(0, 64))).toBe(true);
  });

  it('is cut to what every receiver takes, and stays JSON', () => {
    const long = Object.fromEntries(
      Array.from({ length: 2_000 }, (_, index) => [`member ${index}`, 'é'.repeat(500)]),
    );
    for (const value of [
      { position: 1, facts: long },
      { position: 1, reasons: Object.values(long) },
      { position: 1, ...long },
      { position: 1, deep: { deep: { deep: { deep: long } } } },
    ]) {
      const message = messageOf(exportRow(1, { value }));
      expect(message.bytes).toBeLessThanOrEqual(messageBytesMax);
      expect(JSON.parse(message.text)).toMatchObject({ truncated: true });
    }
    const many = Array.from({ length: 200 }, (_, index) => [`f${index}`, '"'.repeat(300)] as const);
    const { bytes, parameters } = messageOf(exportRow(1, { fields: many }));
    expect(bytes).toBeLessThanOrEqual(messageBytesMax);
    expect(parameters['position']).toBe('1');
  });

  it.each([Number.NaN, -1, 8.64e15, 253_402_300_800_000])('says no time that is none: %d', (at) => {
    expect(messageOf(exportRow(1, { timeMs: at })).timestamp).toBe('-');
  });
});

describe('the syslog sink', () => {
  const host = 'siem.corp.localhost';
  const internal = [parseNetwork('127.0.0.0/8')].filter((network) => network !== null);
  const { signal } = new AbortController();
  let authority: Authority;
  let receiver: SyslogReceiver;
  beforeAll(async () => {
    authority = await createAuthority({ name: 'test', days: 1 });
    receiver = await syslogReceiver(authority, host);
  });
  const sinkTo = (port: number, more: Partial<SyslogSinkOptions> = {}) =>
    createSyslogSink({
      ...sender,
      server: { host, port },
      authorities: authority.certificatePem,
      internal,
      timeoutMs: 20_000,
      ...more,
    });

  it('brings every row, in frames that say their length', async () => {
    const rows = exportRows(1, 500);
    await sinkTo(receiver.port).send(rows, signal);
    const positions = receiver.messages.map(({ parameters }) => Number(parameters['position']));
    expect(positions).toEqual(rows.map(({ position }) => position));
  });

  it('has not sent what a server has reset, or took without closing', async () => {
    receiver.behave('reset');
    const large = exportRows(1, 500).map((row) => ({
      ...row,
      value: { ...row.value, path: 'x'.repeat(5_000) },
    }));
    await expect(sinkTo(receiver.port).send(large, signal)).rejects.toThrow(
      /^the syslog server did not take them: (ECONNRESET|EPIPE|it closed the connection)/,
    );
    for (const behaviour of ['stand still', 'keep open'] as const) {
      receiver.behave(behaviour);
      const sent = sinkTo(receiver.port, { timeoutMs: 300 }).send(large, signal);
      await expect(sent).rejects.toThrow('no answer in time');
    }
    receiver.behave('take');
  });

  it('believes no server but one with a certificate for its name, of the right authority', async () => {
    const other = await syslogReceiver(authority, 'other.corp.localhost');
    const foreign = await syslogReceiver(await createAuthority({ name: 'foreign', days: 1 }), host);
    const before = receiver.connections();
    for (const [sink, reason] of [
      [sinkTo(other.port), 'ERR_TLS_CERT_ALTNAME_INVALID'],
      [sinkTo(foreign.port), /CERT|UNABLE_TO_VERIFY/],
      [sinkTo(receiver.port, { authorities: null }), /CERT|UNABLE_TO_VERIFY/],
      [sinkTo(receiver.port, { internal: [] }), 'ERR_SALLYPORT_ADDRESS_REFUSED'],
      [
        sinkTo(0, { server: { host: '127.0.0.1', port: receiver.port }, internal: [] }),
        'in no network of Settings',
      ],
    ] as const) {
      await expect(sink.send(exportRows(1, 1), signal)).rejects.toThrow(reason);
    }
    expect([...other.messages, ...foreign.messages]).toEqual([]);
    expect(receiver.connections()).toBeLessThanOrEqual(before + 1);
  });

  it('ends at once when it is told to', async () => {
    receiver.behave('stand still');
    const stopping = new AbortController();
    const sent = sinkTo(receiver.port).send(exportRows(1, 1), stopping.signal);
    stopping.abort();
    await expect(sent).rejects.toThrow('did not take them');
    receiver.behave('take');
  });
});
