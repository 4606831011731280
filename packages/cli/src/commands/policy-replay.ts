import { action, type CommandFile } from '../call.ts';
import {
  type CandidateOptions,
  noSuchVersion,
  readCandidate,
  withCandidate,
} from '../candidate.ts';
import { apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { checkThere } from '../client/missing.ts';
import { type Json, readObject, show, showTime } from '../client/reading.ts';
import { describeDifferences } from '../differences.ts';
import { Failure } from '../exit.ts';
import { count, group, pastInstant, versionNumber } from './options.ts';
import { policySummary } from './policy-summary.ts';

interface Options extends CandidateOptions {
  readonly against?: string;
  readonly since?: string;
  readonly until?: string;
  readonly route?: string;
  readonly limit?: number;
}

const requestsMax = 100_000;

/** `policy replay`: who gains and who loses, over what was really asked. */
export const registerPolicyReplay: CommandFile = (program, session) => {
  const command = group(program, 'policy', policySummary)
    .command('replay')
    .summary('decide recorded requests by a candidate: who gains, who loses')
    .description(
      'Decides recorded requests again, on the facts that were known then, by the live version and by a candidate, and tells who gains and who loses access, by user, route and rule. Nothing is changed.',
    );
  withCandidate(command)
    .option('--against <version>', 'compare with this version, not the live one', versionNumber)
    .option('--since <time>', '24h, 7d or RFC 3339 (24h)', pastInstant)
    .option('--until <time>', '2h or RFC 3339 (now)', pastInstant)
    .option('--route <name>', 'requests to this route alone')
    .option(
      '--limit <n>',
      `the newest ones, ${requestsMax} at the most (10000)`,
      count(requestsMax),
    )
    .addHelpText(
      'after',
      `
Examples:
  sallyport policy replay -f config/ --since 7d
  sallyport policy replay --version 42 --route wiki`,
    )
    .action(
      action<Options>(session, async (call) => {
        const { against, since, until, route, limit } = call.options;
        const candidate = await readCandidate(call);
        if (Object.keys(candidate).length === 0) {
          throw new Failure('usage', 'name a candidate with --version or --file');
        }
        const api = call.api();
        const { body } = await orNotFound(
          api.send('POST', apiPath('policy:replay'), {
            ...candidate,
            ...(against !== undefined && { against: Number(against) }),
            ...(since !== undefined && { since }),
            ...(until !== undefined && { until }),
            ...(route !== undefined && { route }),
            ...(limit !== undefined && { limit }),
          }),
          noSuchVersion(call.options.version, against),
        );
        const report = readObject(body, 'the report');
        // Nobody loses access to a route of which the name is wrong; that would say nothing.
        if (route !== undefined && report['decided'] === 0) await checkThere(api, 'Route', route);
        call.output.result(report, () => describe(report));
        if (report['complete'] !== true) {
          call.output.note(
            `not all were read (${show(report, 'stopped')}); see --since and --limit`,
          );
        }
        return 'ok';
      }),
    );
};

function describe(report: Json): string {
  const candidate =
    report['candidate'] === null ? 'these documents' : `version ${show(report, 'candidate')}`;
  const odd = [
    ['could not be decided', show(report, 'failed')],
    ['are refused in another way', show(report, 'other')],
  ].filter(([, number]) => number !== '0' && number !== '');
  return [
    `${show(report, 'decided')} requests from ${showTime(report, 'since')} to ${showTime(report, 'until')}, by ${candidate} against version ${show(report, 'against')}`,
    `${show(report, 'same')} have the same answer`,
    ...odd.map(([words, number]) => `${number} ${words}`),
    ...(show(report, 'headersNotRecorded') === ''
      ? []
      : [`not recorded, and so unknown: the headers ${show(report, 'headersNotRecorded')}`]),
    '',
    report['decided'] === 0
      ? 'no request was recorded there and then, so this says nothing of who gains or loses\n'
      : describeDifferences(report),
  ].join('\n');
}
