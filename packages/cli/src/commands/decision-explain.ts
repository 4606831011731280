import type { Command } from 'commander';
import { action, argument, type CommandFile, type Session } from '../call.ts';
import { type Api, apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { type Json, readObject } from '../client/reading.ts';
import { Failure } from '../exit.ts';
import { describeExplanation } from '../explanation.ts';
import { noun } from './options.ts';

/** `explain`, and `decisions explain`: why a request was decided as it was. */
export const registerExplain: CommandFile = (program, session) => {
  explainCommand(program, 'sallyport explain', session);
};

/** The same among the commands of its noun. */
export const registerDecisionExplain: CommandFile = (program, session) => {
  const decisions = noun(program, 'decisions', 'what edges decided about requests');
  explainCommand(decisions, 'sallyport decisions explain', session);
};

function explainCommand(parent: Command, name: string, session: Session): void {
  parent
    .command('explain')
    .summary('show why a request was decided as it was')
    .description(
      'Shows one request, the verdict on it, and each step that led there. The control plane decides again on the facts that were known then, by the configuration that was in force then.',
    )
    .argument('<correlation-id>', 'the reference on the page, or Sallyport-Request-Id')
    .addHelpText('after', `\nExample:\n  ${name} req_01k5…`)
    .action(
      action(session, async (call) => {
        const id = argument(call, 0);
        const api = call.api();
        const found = await orNotFound(
          api.get(apiPath('decisions', id)),
          `no request with the reference ${id} is recorded; edges send their records within seconds, and the admin API keeps none of its own requests`,
        );
        const record = readObject(found, 'the decision');
        const explanation = await readExplanation(api, id);
        call.output.result({ record, explanation }, () => describeExplanation(record, explanation));
        return 'ok';
      }),
    );
}

/** null where the request was answered without a decision, or its version is gone. */
async function readExplanation(api: Api, id: string): Promise<Json | null> {
  try {
    const body = await api.get(apiPath('decisions', id, 'explanation'));
    return readObject(body, 'the explanation');
  } catch (error) {
    if (error instanceof Failure && error.code === 'conflict') return null;
    throw error;
  }
}
