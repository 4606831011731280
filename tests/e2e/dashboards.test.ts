import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from '@sallyport/stack';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { html, openAdmin, pageOn, userOf } from '../support/cast.ts';
import { addedLabels, scraped, usedIn } from './support/promql.ts';

const stack = inject('stack');
const root = join(import.meta.dirname, '../..');
const folder = join(root, 'infra/dashboards');
const promtoolIsThere = spawnSync('promtool', ['--version']).status === 0;

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>;
  readonly targets?: readonly { readonly expr: string }[];
}
const dashboards = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => ({ name, ...(JSON.parse(read(name)) as { readonly panels: readonly Panel[] }) }));

function read(name: string): string {
  return readFileSync(join(folder, name), 'utf8');
}

/** Every expression by where it stands. */
function expressions(): readonly (readonly [where: string, expression: string])[] {
  const panels = dashboards.flatMap(({ name, panels: all }) =>
    all.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => [`${name}: ${title}`, expr] as const),
    ),
  );
  const rules = read('alerts.yaml')
    .split(/^ {6}- alert: /m)
    .slice(1)
    .map((rule) => {
      const [name = ''] = rule.split('\n', 1);
      const [, expression = ''] = /expr: (?:>-\n)?([^]*?)\n {8}(?:for|labels):/.exec(rule) ?? [];
      return [`alerts.yaml: ${name}`, expression] as const;
    });
  return [...panels, ...rules];
}

/** The code, for labels of what has not been counted yet. */
const sources = readdirSync(join(root, 'packages'), { recursive: true, encoding: 'utf8' })
  .filter((file) => /^[^/]+\/src\/.*(?<!\.test)\.ts$/.test(file))
  .map((file) => readFileSync(join(root, 'packages', file), 'utf8'))
  .filter((text) => text.includes('prom-client'));

/** Whether the label stands in the code behind the name of the metric. */
function isDeclared(metric: string, label: string): boolean {
  const short = metric.replace(/^sallyport_|_(?:bucket|sum|count)$/g, '');
  const names = [`sallyport_${short}`, short.replace(/_total$/, '')];
  return sources.some((text) =>
    names.some((name) => {
      const at = text.indexOf(`'${name}'`);
      return at >= 0 && text.slice(at, at + 400).includes(`'${label}'`);
    }),
  );
}

describe('dashboards and alert rules', () => {
  const texts: string[] = [];
  const known = new Map<string, Set<string>>([
    ['up', new Set()],
    // There is none without a bus, which the stack has not.
    ['sallyport_bus_connected', new Set()],
  ]);

  beforeAll(async () => {
    const alice = userOf(stack, 'alice');
    const browser = await Browser.open(stack, alice.device);
    const api = await openAdmin(stack);
    await browser.signIn(pageOn(stack, '/'), alice);
    await browser.ask(pageOn(stack, '/', { host: stack.hosts.admin }), { headers: html });
    const sessions = await api.get<{ readonly items: readonly { readonly sid: string }[] }>(
      '/v1/sessions?limit=1',
    );
    const target = { kind: 'session', id: sessions.items[0]?.sid };
    await api.post('/v1/revocations?wait=enforced', { target, reason: 'A test' });
    await Promise.all([api.close(), browser.close()]);
    for (const { ops } of [...stack.edges, ...stack.controlPlanes]) {
      const text = await (await fetch(`${ops}/metrics`)).text();
      texts.push(text);
      for (const [name, labels] of scraped(text)) {
        known.set(name, new Set([...(known.get(name) ?? []), ...labels]));
      }
    }
  });

  it.each(expressions())('%s asks for what the processes have', (_where, expression) => {
    const { metrics, groupedBy } = usedIn(expression);
    expect(metrics.length).toBeGreaterThan(0);
    const wrong: string[] = [];
    for (const { name, labels } of metrics) {
      const has = known.get(name);
      if (has === undefined) wrong.push(name);
      const ofItsOwn = [...labels, ...groupedBy].filter((label) => !addedLabels.includes(label));
      const missing = ofItsOwn.filter((label) => has?.has(label) !== true);
      // What is grouped by need not be on each metric, but on one.
      wrong.push(
        ...missing
          .filter((label) => labels.includes(label) || metrics.length === 1)
          .filter((label) => !isDeclared(name, label))
          .map((label) => `${name}{${label}}`),
      );
    }
    expect(wrong).toEqual([]);
  });

  it('revocations are timed by what edges say', () => {
    expect(texts.join('\n')).toMatch(/^sallyport_enforced_seconds_count\{lane="revoke"\} [1-9]/m);
  });

  it('no alert stands on a bus that nobody has configured', () => {
    expect(stack.nats).toBeNull();
    expect(texts.join('\n')).not.toMatch(/^sallyport_(?:edge_)?bus_connected /m);
  });

  it.each(dashboards)('no panel of $name lies on another or has its id', ({ panels }) => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of panels) {
      const { x, y, w, h } = gridPos;
      for (let at = 0; at < w * h; at += 1) {
        const cell = `${x + (at % w)} ${y + Math.floor(at / w)}`;
        expect([title, taken.get(cell)]).toEqual([title, undefined]);
        taken.set(cell, title);
      }
    }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  });

  it('every alert is tried in a test of the rules', () => {
    const alerts = [...read('alerts.yaml').matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    const tried = [...read('alerts.test.yaml').matchAll(/alertname: (\w+)/g)].map(
      ([, name]) => name,
    );
    expect(alerts.length).toBeGreaterThan(20);
    expect(new Set(tried)).toEqual(new Set(alerts));
  });

  it
    .skipIf(!promtoolIsThere)
    .each([
      [['check', 'config', 'prometheus.yaml']],
      [['check', 'rules', '--lint-fatal', 'alerts.yaml']],
      [['test', 'rules', 'alerts.test.yaml']],
    ])('promtool %s passes', (args) => {
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: folder });
    expect([status, status === 0 ? '' : `${String(stdout)}${String(stderr)}`]).toEqual([0, '']);
  });

  it.skipIf(!promtoolIsThere)('promtool check metrics finds nothing in what we count', () => {
    for (const text of texts) {
      // What Node tells of itself has names of another making.
      const own = text.split('\n\n').filter((family) => family.includes('# TYPE sallyport_'));
      const { status, stderr } = spawnSync('promtool', ['check', 'metrics'], {
        input: `${own.join('\n')}\n`,
      });
      expect([status, String(stderr)]).toEqual([0, '']);
    }
  });
});
