import type { FieldTable } from '../../protocol/field-table.ts';
import { numberArgument, textArgument } from '../arguments.ts';
import type { PolicyDefinition } from '../policies/definition.ts';
import { durationMs } from './duration.ts';

/** RabbitMQ's default for x-stream-max-segment-size-bytes. */
const segmentBytesDefault = 500_000_000;

/** How much a stream keeps (RabbitMQ page "Streams", "Data Retention"). */
export interface StreamSettings {
  /** x-max-length-bytes */
  readonly maxLengthBytes: number | undefined;
  /** x-max-age */
  readonly maxAgeMs: number | undefined;
  /** x-stream-max-segment-size-bytes: messages leave by so many bytes at a time. */
  readonly maxSegmentBytes: number;
}

/** What arguments and policies ask for, all of which have been checked; unlike elsewhere the policy wins. */
export function streamSettings(all: FieldTable, policy: PolicyDefinition): StreamSettings {
  const number = (key: string): number | undefined => {
    const ofPolicy = policy[key];
    return typeof ofPolicy === 'number' ? ofPolicy : numberArgument(all, `x-${key}`);
  };
  const ofPolicy = policy['max-age'];
  const maxAge = typeof ofPolicy === 'string' ? ofPolicy : textArgument(all, 'x-max-age');
  return {
    maxLengthBytes: number('max-length-bytes'),
    maxAgeMs: durationMs(maxAge ?? ''),
    maxSegmentBytes: number('stream-max-segment-size-bytes') ?? segmentBytesDefault,
  };
}
