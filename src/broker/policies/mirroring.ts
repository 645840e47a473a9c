import { erlangJson } from '../erlang-term.ts';
import type { JsonValue } from '../store.ts';
import type { PolicyDefinition } from './definition.ts';
import { type Fault, isNot } from './value-check.ts';

/**
 * Keys of mirrored queues (RabbitMQ page "Classic Queue Mirroring"). There is one node: they are kept and shown, so
 * that definitions can be imported, and change nothing.
 */
export const mirroringKeys = [
  'ha-mode',
  'ha-params',
  'ha-promote-on-failure',
  'ha-promote-on-shutdown',
  'ha-sync-batch-size',
  'ha-sync-mode',
] as const;

/** The fault of a policy's mirroring as a whole: what is given with which mode. */
export function checkMirroring(definition: PolicyDefinition): Fault {
  const mode = definition['ha-mode'];
  if (mode === undefined) {
    if (mirroringKeys.every((key) => definition[key] === undefined)) return undefined;
    return 'ha-mode must be specified to specify ha-params, ha-sync-mode or ha-promote-on-shutdown';
  }
  return (
    wrongMirrorParameters(mode, definition['ha-params']) ??
    wrongChoice(definition, 'ha-sync-mode', ['manual', 'automatic']) ??
    wrongBatchSize(definition['ha-sync-batch-size']) ??
    wrongChoice(definition, 'ha-promote-on-shutdown', ['always', 'when-synced']) ??
    wrongChoice(definition, 'ha-promote-on-failure', ['always', 'when-synced'])
  );
}

function wrongMirrorParameters(mode: JsonValue, parameters: JsonValue | undefined): Fault {
  const given = parameters === undefined ? 'none' : erlangJson(parameters);
  switch (mode) {
    case 'all':
      return parameters === undefined ? undefined : 'ha-mode="all" does not take parameters';
    case 'exactly':
      return Number.isInteger(parameters) && Number(parameters) > 0
        ? undefined
        : `ha-mode="exactly" takes an integer, ${given} given`;
    case 'nodes': {
      if (!Array.isArray(parameters)) return `ha-mode="nodes" takes a list, ${given} given`;
      if (parameters.length === 0) return 'ha-mode="nodes" list must be non-empty';
      const wrong = parameters.filter((node) => typeof node !== 'string');
      if (wrong.length === 0) return undefined;
      return `ha-mode="nodes" takes a list of strings, ${erlangJson(wrong)} was not a string`;
    }
    default:
      return isNot(mode, 'ha-mode value');
  }
}

function wrongChoice(definition: PolicyDefinition, key: string, known: readonly [string, string]): Fault {
  const value = definition[key];
  if (value === undefined || value === known[0] || value === known[1]) return undefined;
  return `${key} must be "${known[0]}" or "${known[1]}", got ${erlangJson(value)}`;
}

function wrongBatchSize(value: JsonValue | undefined): Fault {
  if (value === undefined || (Number.isInteger(value) && Number(value) > 0)) return undefined;
  return `ha-sync-batch-size takes an integer greater than 0, ${erlangJson(value)} given`;
}
