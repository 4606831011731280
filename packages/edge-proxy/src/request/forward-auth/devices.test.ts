import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { caddyAsks, closed, codeOf, Fronts, nginxAsks, open } from '../testing/asking.ts';
import { TestEdge } from '../testing/edge.ts';
import { type Identity, issue } from '../testing/pki.ts';

let edge: TestEdge;
let fronts: Fronts;
beforeAll(async () => {
  edge = await TestEdge.start();
  fronts = await Fronts.of(edge);
  await fronts.register(fronts.proxies({ deviceCertificates: true }), { signedIn: false });
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

const sequence = (der: Buffer) => `Client-Cert: :${der.toString('base64')}:`;
const derOf = ({ cert }: Identity) => new X509Certificate(cert).raw;
const escaped = (pem: string) => `X-Original-Client-Certificate: ${encodeURIComponent(pem)}`;

/** Both front proxies, how they ask and how they say which certificate their client showed. */
const both = [
  ['RFC 9440', () => fronts.caddy, caddyAsks, (of: Identity) => sequence(derOf(of))],
  ['nginx', () => fronts.nginx, nginxAsks, (of: Identity) => escaped(of.cert)],
] as const;

describe('the device behind a front proxy that may say it', () => {
  it.each(both)('counts like one of our own listener: %s', async (_, identity, asks, shows) => {
    const cookie = await edge.session('usr_alice', 'dev_laptop', closed);
    const lines = (...more: string[]) => [...asks(closed), `Cookie: ${cookie}`, ...more];
    expect((await fronts.ask(identity(), lines(shows(edge.laptop)))).status).toBe(200);
    expect(await edge.records.first(() => true)).toMatchObject({
      outcome: 'permit',
      deviceId: 'dev_laptop',
      certificateSha256: edge.laptop.sha256,
    });
    // A session of one device is none on another, nor without one.
    for (const more of [[shows(edge.other)], [shows(edge.stranger)], []]) {
      expect((await fronts.ask(identity(), lines(...more))).status).toBe(403);
    }
    const reasons = edge.records.all.slice(1).map((record) => record.reasons[0]);
    expect(reasons).toEqual([
      'session_other_device',
      'device_unknown',
      'device_certificate_missing',
    ]);
  });

  it('is refused where its certificate is bad or blocked', async () => {
    const old = await edge.pki.deviceNamed('dev_laptop', { days: -1 });
    const foreign = await issue(edge.pki.edge, { commonName: 'x', usage: 'client', days: 5 });
    const ask = (of: Identity) =>
      fronts.ask(fronts.caddy, [...caddyAsks(closed), sequence(derOf(of))]);
    for (const identity of [old, foreign]) {
      const answer = await ask(identity);
      expect([answer.status, codeOf(answer)]).toEqual([
        403,
        expect.stringMatching(/^device_certificate_/),
      ]);
    }
    const block = { kind: 'certificate', revocationId: 'rev_laptop' } as const;
    const subjectId = edge.laptop.sha256;
    await edge.apply('revoke', { op: 'block', ...block, subjectId, expiresAtMs: null });
    expect((await ask(edge.laptop)).status).toBe(403);
    await edge.apply('revoke', { op: 'lifted_block', ...block, subjectId });
  });

  it('is none where it shows no certificate', async () => {
    expect((await fronts.ask(fronts.caddy, caddyAsks(open))).status).toBe(200);
    expect((await fronts.ask(fronts.caddy, [...caddyAsks(open), 'Client-Cert:'])).status).toBe(200);
    const records = edge.records.all.map(({ certificateSha256 }) => certificateSha256);
    expect(records).toEqual([null, null]);
  });

  it('is not guessed: what is no certificate, or two, refuses the question', async () => {
    const der = derOf(edge.laptop);
    const { cert } = edge.laptop;
    const forCaddy = [
      'Client-Cert: x',
      'Client-Cert: :x',
      `Client-Cert: ${der.toString('base64')}`,
      `Client-Cert: :${der.toString('base64')}:;a=b`,
      `${sequence(der)}, :${der.toString('base64')}:`,
      sequence(Buffer.concat([der, der])),
      sequence(der.subarray(0, -1)),
      `Client-Cert: ${encodeURIComponent(cert)}`,
    ];
    for (const line of forCaddy) {
      const answer = await fronts.ask(fronts.caddy, [...caddyAsks(open), line]);
      expect([line, answer.status, codeOf(answer)]).toEqual([line, 400, 'front_request_invalid']);
    }
    const twice = [...caddyAsks(open), sequence(der), sequence(der)];
    expect((await fronts.ask(fronts.caddy, twice)).status).toBe(400);
    const forNginx = [escaped(cert + cert), escaped(`x${cert}`), escaped(edge.laptop.key), '%'];
    for (const text of forNginx) {
      const line = text === '%' ? 'X-Original-Client-Certificate: %' : text;
      expect((await fronts.ask(fronts.nginx, [...nginxAsks(open), line])).status).toBe(403);
    }
    // Each in its own header only.
    expect((await fronts.ask(fronts.nginx, [...nginxAsks(open), sequence(der)])).status).toBe(403);
    const other = [...caddyAsks(open), escaped(cert)];
    expect((await fronts.ask(fronts.caddy, other)).status).toBe(200);
    expect(edge.records.all.at(-1)?.certificateSha256).toBeNull();
  });

  it('is asked for where the host asks for one, also by our own endpoints', async () => {
    const documents = fronts.proxies({ deviceCertificates: true });
    const strict = { name: 'strict', deviceCertificate: 'required' } as const;
    await fronts.register(documents, { listener: { tlsPolicies: [{ ...strict, hosts: [open] }] } });
    const without = await fronts.ask(fronts.caddy, caddyAsks(open));
    expect([without.status, codeOf(without)]).toEqual([403, 'device_certificate_required']);
    const shown = [...caddyAsks(open), sequence(derOf(edge.laptop))];
    expect((await fronts.ask(fronts.caddy, shown)).status).toBe(200);
    const own = async (...more: string[]) => {
      const client = await fronts.connect(fronts.caddy);
      const lines = ['GET /.well-known/sallyport/jwks.json HTTP/1.1', `Host: ${open}`, ...more];
      client.send(`${[...lines, ...caddyAsks(open)].join('\r\n')}\r\n\r\n`);
      const { status } = await client.response();
      client.close();
      return status;
    };
    expect([await own(), await own(sequence(derOf(edge.laptop)))]).toEqual([403, 200]);
  });
});
