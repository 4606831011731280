import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdminServer, startAdminServer } from '../testing/admin-server.ts';
import { run } from '../testing/run.ts';

let server: AdminServer;
beforeAll(async () => {
  server = await startAdminServer();
});
afterAll(() => server.close());

const sallyport = (...argv: string[]) => run(argv, { env: server.env });
const answerWith = (body: unknown, status = 200) => server.answer(() => ({ status, body }));
const id = `whd_${'0'.repeat(26)}`;
const delivery = {
  id,
  webhook: 'chat',
  type: 'token.created',
  state: 'dead',
  attempts: 30,
  createdAt: '2026-11-23T08:00:00.000Z',
  nextAttemptAt: null,
  settledAt: '2026-11-24T08:00:00.000Z',
  lastStatus: 503,
  lastFailure: 'the receiver answered 503',
};

describe('sallyport exports', () => {
  it('shows how far each export is with each kind of rows', async () => {
    const to = '/var/lib/sallyport/exports/a.jsonl';
    const progress = {
      position: 1_900,
      newest: 4_100,
      behind: 10,
      missed: 0,
      failingSince: null,
      failure: null,
    };
    answerWith({
      items: [
        { name: 'archive', kind: 'file', to, progress: [{ what: 'decisions', ...progress }] },
        { name: 'siem', kind: 'syslog', to: 'siem.example', progress: [] },
      ],
    });
    const { stdout } = await sallyport('exports');
    expect(stdout.split('\n').map((line) => line.trimEnd().split(/ +/))).toEqual([
      ['NAME', 'KIND', 'TO', 'WHAT', 'BEHIND', 'MISSED', 'FAILING', 'SINCE', 'FAILURE'],
      ['archive', 'file', to, 'decisions', '10', '0', '-', '-'],
      ['siem', 'syslog', 'siem.example', '-', '-', '-', '-', '-'],
      [''],
    ]);
  });
});

describe('sallyport webhooks', () => {
  it('lists them, and what they were sent', async () => {
    answerWith({
      items: [
        {
          name: 'chat',
          host: 'chat.example',
          events: ['token'],
          pending: 1,
          delivered: 2,
          dead: 3,
        },
      ],
    });
    expect((await sallyport('webhooks')).stdout).toMatch(/chat +chat.example +token +1 +2 +3/);
    answerWith({ items: [delivery], nextCursor: null });
    const listed = await sallyport('webhooks', 'deliveries', '--state', 'dead');
    expect(listed.stdout).toMatch(/whd_0+ +chat +token.created +dead +30 .* 503 +the receiver/);
    expect(server.asked.at(-1)?.query.get('state')).toBe('dead');
    expect((await sallyport('webhooks', 'deliveries', '--state', 'lost')).code).toBe(2);
  });

  it('sends one again, and says when there is none', async () => {
    answerWith({ ...delivery, state: 'pending' });
    const sent = await sallyport('webhooks', 'redeliver', id);
    expect(sent.stdout).toBe(`${id} is sent to chat again\n`);
    expect(server.asked.at(-1)).toMatchObject({
      method: 'POST',
      path: `/v1/webhooks/deliveries/${id}/redeliver`,
    });
    expect((await sallyport('webhooks', 'redeliver', 'whd_1')).code).toBe(3);
  });
});
