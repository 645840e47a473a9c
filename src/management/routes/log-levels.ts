import { logCategories } from '../../logger.ts';
import { logLevels } from '../../logs/level.ts';
import type { LogLevelControl } from '../../logs/logs.ts';
import type { Api } from '../api.ts';
import { badRequest } from '../http/api-error.ts';
import { noContent, type Route, route } from '../http/route.ts';
import { object, oneOf, optional } from '../http/schema.ts';

const tag = 'Log';
const path = '/log-levels';

const notOurs = 'The log belongs to the program that this broker is a part of: set its level there.';

/** Levels of the log while the broker runs: what `rabbitmqctl set_log_level` changes. Until the next start. */
export function logLevelRoutes(api: Api): readonly Route[] {
  return [
    route('GET', {
      path,
      access: 'administrator',
      tag,
      summary: 'Levels of the outputs of the log, and of categories that have one of their own',
      isExtension: true,
      answers: { 400: notOurs },
      handle: () => control(api).levels,
    }),
    route('PUT', {
      path,
      access: 'administrator',
      tag,
      summary: 'Set the level of one category, or of all outputs and categories but audit',
      isExtension: true,
      answers: { 204: 'Set' },
      body: object({
        level: oneOf(logLevels, 'The least severe messages that are logged.'),
        category: optional(oneOf(logCategories)),
      }),
      handle: ({ body: { level, category } }) => {
        control(api).setLevel(level, category);
        return noContent;
      },
    }),
  ];
}

function control({ logLevels: found }: Api): LogLevelControl {
  if (found !== undefined) return found;
  throw badRequest(notOurs);
}
