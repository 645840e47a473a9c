import { AmqpError, ReplyCode } from '../../protocol/errors.ts';
import type { ServerSettings } from '../settings.ts';

/** Everybody must be able to receive this much (AMQP 0-9-1, `frame-min-size`). */
export const frameMinBytes = 4096;

/** What both sides keep to once the connection is tuned. */
export interface Tuning {
  readonly channelMax: number;
  /** Largest frame, in bytes, overhead included. */
  readonly frameMax: number;
  /** Heartbeat interval in seconds; 0: no heartbeats. */
  readonly heartbeat: number;
}

/**
 * Checks what the client made of the broker's proposal in connection.tune-ok. It may go below it, and 0
 * (no limit) is above it. The heartbeat is the client's to choose.
 *
 * @throws AmqpError 530 NOT_ALLOWED
 */
export function checkTuning(wanted: Tuning, settings: ServerSettings): Tuning {
  checkLimit('frame_max', wanted.frameMax, frameMinBytes, settings.frameMaxBytes);
  checkLimit('channel_max', wanted.channelMax, 1, settings.channelMax);
  return { channelMax: wanted.channelMax, frameMax: wanted.frameMax, heartbeat: wanted.heartbeat };
}

function checkLimit(name: string, value: number, min: number, max: number): void {
  // RabbitMQ explains the zero for channels only.
  const shown = `${value}${value === 0 && name === 'channel_max' ? ' (no limit)' : ''}`;
  if (value === 0 || value > max) refuse(`${name} = ${shown} is higher than the maximum`, max);
  if (value < min) refuse(`${name} = ${shown} is lower than the minimum`, min);
}

function refuse(comparison: string, limit: number): never {
  throw new AmqpError(ReplyCode.NotAllowed, `negotiated ${comparison} allowed value (${limit})`);
}
