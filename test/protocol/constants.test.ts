import { expect, test } from 'vitest';
import { frameConstants, replyCodes } from '../../spec/amqp.ts';
import { AmqpError, ReplyCode } from '../../src/protocol/errors.ts';
import { FrameType, frameEnd } from '../../src/protocol/frame-reader.ts';

test('frame types and frame end are those of the specification', () => {
  const { method, header, body, heartbeat, end } = frameConstants;
  expect(FrameType).toEqual({ Method: method, Header: header, Body: body, Heartbeat: heartbeat });
  expect(frameEnd).toBe(end);
});

test('reply codes have the names and the severity of the specification', () => {
  const specified = [
    ...Object.entries(replyCodes.soft).map(([name, code]) => [code, `${name} - why`, false]),
    ...Object.entries(replyCodes.hard).map(([name, code]) => [code, `${name} - why`, true]),
  ];
  const raised = Object.values(ReplyCode).map((code) => {
    const error = new AmqpError(code, 'why');
    return [error.code, error.replyText, error.hard];
  });
  const byCode = (rows: unknown[][]): unknown[][] =>
    rows.sort((left, right) => Number(left[0]) - Number(right[0]));
  expect(byCode(raised)).toEqual(byCode(specified));
});
