import { expect, it } from 'vitest';
import { usualHeaderLimits } from '../http/header-limits.ts';
import { checkExports, checkWebhooks } from './check-exports.ts';
import type { SettingsDocument, TrustBundleDocument } from './documents.ts';
import type { Context } from './references.ts';

type Settings = SettingsDocument['spec'];
type Export = NonNullable<Settings['exports']>[number];
type Webhook = NonNullable<Settings['webhooks']>[number];

const bundle = (name: string, use: TrustBundleDocument['spec']['use']): TrustBundleDocument => ({
  apiVersion: 'sallyport.dev/v1',
  kind: 'TrustBundle',
  metadata: { name },
  spec: { use, certificates: 'not looked at here' },
});
const context: Context = {
  bundles: new Map(
    [bundle('siem', ['export']), bundle('idp', ['identityProvider'])].map((one) => [
      one.metadata.name,
      one,
    ]),
  ),
  providers: new Set(),
  egress: new Set(),
  signInHost: null,
  internal: [],
  headerLimits: usualHeaderLimits,
};

function problemsOf(settings: { exports?: Export[]; webhooks?: Webhook[] }): string[] {
  const problems: string[] = [];
  const complain = (path: string, message: string) => problems.push(`${path} ${message}`);
  checkExports(settings.exports ?? [], context, complain);
  checkWebhooks(settings.webhooks ?? [], context, complain);
  return problems;
}

const file = { path: '/var/lib/sallyport/exports/a.jsonl' };
const hook = {
  name: 'chat',
  url: 'https://chat.example/x?y=1',
  events: ['token' as const],
  secret: 's',
};

it('takes each way out, and webhooks with a query', () => {
  expect(
    problemsOf({
      exports: [
        { name: 'a', file },
        { name: 'b', syslog: { host: 'siem.example', trustBundle: 'siem' } },
        { name: 'c', otlp: { url: 'https://otel.example/v1/logs', trustBundle: 'siem' } },
      ],
      webhooks: [hook],
    }),
  ).toEqual([]);
});

it.each<[Export[], string]>([
  [[{ name: 'a' }], '/spec/exports/0 must have exactly one of file, syslog and otlp'],
  [
    [{ name: 'a', file, syslog: { host: 'siem.example' } }],
    '/spec/exports/0 must have exactly one of file, syslog and otlp',
  ],
  [
    [
      { name: 'a', file },
      { name: 'a', syslog: { host: 'siem.example' } },
    ],
    '/spec/exports/1/name a is here twice',
  ],
  [
    [
      { name: 'a', file },
      { name: 'b', file },
    ],
    '/spec/exports/1/file/path is the file of another export',
  ],
  [
    [
      { name: 'a', file: { path: `${file.path}.12` } },
      { name: 'b', file },
    ],
    '/spec/exports/1/file/path is the name of a full file of another export',
  ],
  [
    [
      { name: 'a', file },
      { name: 'b', file: { path: `${file.path}.1` } },
    ],
    '/spec/exports/1/file/path is the name of a full file of another export',
  ],
  [
    [{ name: 'a', file: { path: '/var/../etc/passwd' } }],
    '/spec/exports/0/file/path must be the path of a file, without //, /./, /../ and control characters',
  ],
  [
    [{ name: 'a', file: { path: '/var/log/' } }],
    '/spec/exports/0/file/path must be the path of a file, without //, /./, /../ and control characters',
  ],
  [
    [{ name: 'a', syslog: { host: '169.254.169.254' } }],
    '/spec/exports/0/syslog/host leads to 169.254.169.254, which is in no network of Settings /spec/network/internal',
  ],
  [
    [{ name: 'a', syslog: { host: 'siem.localhost' } }],
    '/spec/exports/0/syslog/host leads to 127.0.0.1, which is in no network of Settings /spec/network/internal',
  ],
  [
    [{ name: 'a', syslog: { host: 'siem.example', trustBundle: 'idp' } }],
    '/spec/exports/0/syslog/trustBundle TrustBundle idp is not for export',
  ],
  [
    [{ name: 'a', otlp: { url: 'https://otel.example/', trustBundle: 'sien' } }],
    '/spec/exports/0/otlp/trustBundle there is no TrustBundle named sien; did you mean siem?',
  ],
  [
    [{ name: 'a', otlp: { url: 'https://[::1]/v1/logs' } }],
    '/spec/exports/0/otlp/url leads to ::1, which is in no network of Settings /spec/network/internal',
  ],
])('refuses %j', (exports, problem) => {
  expect(problemsOf({ exports })).toEqual([problem]);
});

it.each([
  ['http://chat.example/', 'must be https'],
  ['https://user:pass@chat.example/', 'must not have a user name or password'],
  ['https://chat.example/#x', 'must not have a fragment'],
  ['https://0x7f.1/', 'must have a host of a to z'],
  ['https://chat.example/a/../b', 'is ambiguous; write https://chat.example/b'],
  ['https://chat.example:0/', 'must have a port from 1 to 65535'],
  ['https://10.0.0.1/', 'leads to 10.0.0.1'],
])('refuses a webhook to %s', (url, problem) => {
  const [found, ...others] = problemsOf({ webhooks: [{ ...hook, url }] });
  expect(found).toContain(`/spec/webhooks/0/url ${problem}`);
  expect(others).toEqual([]);
});
